//! Handlers take what they need as typed arguments; what does not parse never reaches them.

use std::{collections::HashMap, future::Future, marker::PhantomData, pin::Pin, sync::Arc};

use futures_util::TryFutureExt;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{
    Operation, PathValue, Reply, RouteInfo,
    describe::{self, Body},
};
use crate::{
    context::RequestContext,
    models::{
        bad_json,
        error::{Error, Result},
        json,
        page::{Filters, Page, ensure_known_of_list, parse_filters},
        sock::Response,
    },
};

/// A request on its way to its handler. Cheap to clone: work that met a conflict is run again.
#[derive(Clone)]
pub struct Input<S> {
    pub(super) state: S,
    pub(super) ctx: RequestContext,
    pub(super) route: Arc<RouteInfo>,
    pub(super) path: std::vec::IntoIter<PathValue>,
    pub(super) query: Arc<HashMap<String, String>>,
    pub(super) data: Option<Arc<RawValue>>,
}

impl Input<()> {
    pub(super) fn with_state<S>(self, state: S) -> Input<S> {
        let Self {
            state: (),
            ctx,
            route,
            path,
            query,
            data,
        } = self;
        Input {
            state,
            ctx,
            route,
            path,
            query,
            data,
        }
    }
}

/// Something that a handler can take as an argument.
pub trait Extract<S>: Sized {
    /// Takes it out of the request.
    ///
    /// # Errors
    /// 400 when it is missing or does not parse.
    fn extract(input: &mut Input<S>) -> Result<Self>;

    /// Says what it takes, for OpenAPI.
    fn describe(operation: &mut Operation) {
        let _ = operation;
    }
}

/// What the daemon's handlers share.
pub struct State<S>(pub S);

impl<S: Clone> Extract<S> for State<S> {
    fn extract(input: &mut Input<S>) -> Result<Self> {
        Ok(Self(input.state.clone()))
    }
}

impl<S> Extract<S> for RequestContext {
    fn extract(input: &mut Input<S>) -> Result<Self> {
        Ok(input.ctx.clone())
    }
}

/// The body (as an argument) or the reply (as a result).
pub struct Json<T>(pub T);

impl<S, T: DeserializeOwned + JsonSchema> Extract<S> for Json<T> {
    fn extract(input: &mut Input<S>) -> Result<Self> {
        let body = input.data.as_ref().map_or("null", |data| data.get());
        // Fields have names; serde would take an array for them in their order.
        if body.starts_with('[') && !input.route.is_bulk {
            return Err(Error::invalid_argument(
                "INVALID_BODY",
                "The body is an array where an object belongs.",
            ));
        }
        bad_json::from_str(body).map(Self).map_err(|bad| {
            Error::invalid_argument("INVALID_BODY", format!("The body is not right: {bad}."))
        })
    }

    fn describe(operation: &mut Operation) {
        operation.body = Some(Body::of::<T>(describe::JSON));
    }
}

/// A body that may be missing: then every field has its default.
pub struct OptionalJson<T>(pub T);

impl<S, T: DeserializeOwned + JsonSchema + Default> Extract<S> for OptionalJson<T> {
    fn extract(input: &mut Input<S>) -> Result<Self> {
        if input.data.as_ref().is_none_or(|data| data.get() == "null") {
            return Ok(Self(T::default()));
        }
        Json::extract(input).map(|Json(body)| Self(body))
    }

    fn describe(operation: &mut Operation) {
        operation.body = Some(Body {
            is_required: false,
            ..Body::of::<T>(describe::JSON)
        });
    }
}

/// Page and filters of a list: the page from the query, filters from the body, and from the query
/// whatever the route's whitelist knows.
pub struct List {
    /// Which part of the list.
    pub page: Page,
    /// Checked against the route's whitelist.
    pub filters: Filters,
}

impl<S> Extract<S> for List {
    fn extract(input: &mut Input<S>) -> Result<Self> {
        let query = &input.query;
        ensure_known_of_list(query, input.route.filters)?;
        let page = Page::parse(
            query.get("page_size").map(String::as_str),
            query.get("page_token").map(String::as_str),
        )?;
        let mut given = filters_in_body(input.data.as_deref())?;
        for (name, _) in input.route.filters {
            if let Some(value) = query.get(*name) {
                given.insert((*name).to_owned(), value.clone().into());
            }
        }
        Ok(Self {
            page,
            filters: parse_filters(&given, input.route.filters)?,
        })
    }

    fn describe(operation: &mut Operation) {
        operation.is_list = true;
    }
}

fn filters_in_body(data: Option<&RawValue>) -> Result<serde_json::Map<String, serde_json::Value>> {
    let Some(data) = data.filter(|data| data.get() != "null") else {
        return Ok(serde_json::Map::new());
    };
    json::from_str(data.get()).map_err(|fault| {
        let fault = bad_json::sentence(&fault, "");
        Error::invalid_argument(
            "INVALID_FILTER",
            format!("Filters are a JSON object: {fault}."),
        )
    })
}

pub(super) type Answer = Pin<Box<dyn Future<Output = Result<Response>> + Send>>;

/// An async function over up to five extractable arguments.
pub trait Endpoint<S, A>: Send + Sync + 'static {
    /// Extracts the arguments and calls the function.
    fn call(&self, input: Input<S>) -> Answer;

    /// What the types of its arguments and of its result say.
    fn describe(operation: &mut Operation);
}

pub(super) trait ErasedEndpoint<S>: Send + Sync {
    fn call(&self, input: Input<S>) -> Answer;
}

struct Erased<E, A>(E, PhantomData<fn() -> A>);

impl<S, A: 'static, E: Endpoint<S, A>> ErasedEndpoint<S> for Erased<E, A> {
    fn call(&self, input: Input<S>) -> Answer {
        self.0.call(input)
    }
}

pub(super) fn erase<S, A: 'static>(endpoint: impl Endpoint<S, A>) -> Arc<dyn ErasedEndpoint<S>> {
    Arc::new(Erased(endpoint, PhantomData))
}

macro_rules! endpoint {
    ($($argument:ident),+) => {
        impl<S, F, Fut, R, $($argument),+> Endpoint<S, ($($argument,)+)> for F
        where
            S: Send + 'static,
            F: Fn($($argument),+) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = Result<R>> + Send + 'static,
            R: Reply + 'static,
            $($argument: Extract<S> + Send + 'static),+
        {
            fn call(&self, mut input: Input<S>) -> Answer {
                $(
                    #[expect(non_snake_case, reason = "the type parameter names its argument")]
                    let $argument = match $argument::extract(&mut input) {
                        Ok(argument) => argument,
                        Err(error) => return Box::pin(std::future::ready(Err(error))),
                    };
                )+
                Box::pin(self($($argument),+).map_ok(Reply::into_response))
            }

            fn describe(operation: &mut Operation) {
                $(<$argument as Extract<S>>::describe(operation);)+
                R::describe(operation);
            }
        }
    };
}

endpoint!(A1);
endpoint!(A1, A2);
endpoint!(A1, A2, A3);
endpoint!(A1, A2, A3, A4);
endpoint!(A1, A2, A3, A4, A5);
