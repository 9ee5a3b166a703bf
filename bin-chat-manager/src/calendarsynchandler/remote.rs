//! A calendar elsewhere, whoever keeps it.

use std::collections::HashSet;

use bin_common_handler::{
    httphandler::{HttpClient, HttpFault, HttpRequest, HttpResponse, StatusCode},
    models::error::Error,
    redact::Secret,
};
use chrono_tz::Tz;

use super::{caldav, google, graph};
use crate::{
    app::App,
    booking::{
        ical::Event,
        interval::{Interval, merged},
    },
    models::{
        appointment::Appointment,
        calendar::{Calendar, CalendarType},
    },
    oauthhandler::TokenFault,
};

/// Largest answer, in bytes.
const ANSWER_MAX: usize = 8 * 1024 * 1024;

/// Why a calendar is not in step. The words are for people of the business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// The password, or the consent, holds no more.
    #[error("the calendar refuses the account: enter its secret again")]
    Unauthorized,
    /// No such calendar.
    #[error("there is no calendar at this address")]
    NotFound,
    /// It does not take an event.
    #[error("the calendar refused an appointment")]
    Refused,
    /// What it said before holds no more: everything is read anew.
    #[error("the calendar wants to be read anew")]
    Gone,
    /// It cannot be reached, or has a fault of its own.
    #[error("the calendar cannot be reached")]
    Away,
    /// It took too long.
    #[error("the calendar took too long")]
    Late,
    /// Its answer is none.
    #[error("the calendar's answer is not understood")]
    Broken,
    /// Not all of its events are known: it has too many, or such as cannot be read.
    #[error("not all events of the calendar could be read")]
    Partial,
    /// A part of ours is away.
    #[error("our own database was away")]
    Own,
}

impl From<HttpFault> for Fault {
    fn from(fault: HttpFault) -> Self {
        match fault {
            HttpFault::Late => Self::Late,
            HttpFault::TooLarge | HttpFault::BadBody => Self::Broken,
            HttpFault::BadUrl | HttpFault::NotPublic | HttpFault::NotSecure => Self::NotFound,
            _ => Self::Away,
        }
    }
}

impl From<TokenFault> for Fault {
    fn from(fault: TokenFault) -> Self {
        match fault {
            TokenFault::Refused => Self::Unauthorized,
            TokenFault::Away => Self::Away,
        }
    }
}

impl From<Error> for Fault {
    fn from(_: Error) -> Self {
        Self::Own
    }
}

/// What the calendar's own events take.
#[derive(Debug)]
pub(super) enum Pulled {
    /// As it was.
    Same,
    /// All of it, in order; `state` asks for changes next time. Where it is not whole there was more than was understood.
    All {
        busy: Vec<Interval>,
        state: String,
        is_whole: bool,
    },
}

/// A calendar, opened.
pub(super) struct Remote {
    pub http: HttpClient,
    /// The business's.
    pub zone: Tz,
    /// A collection, or the API's calendar.
    pub url: String,
    /// What proves the account: a header.
    authorization: Secret,
    kind: CalendarType,
}

impl Remote {
    /// # Errors
    /// [`Fault`].
    pub(super) async fn open(app: &App, calendar: &Calendar) -> Result<Self, Fault> {
        let sealed = app
            .sealer
            .open(&calendar.secret, &calendar.secret_place())
            .map_err(|_| Fault::Unauthorized)?;
        let ctx = super::context(calendar);
        let business = app.businesses.find(&ctx, calendar.customer_id).await;
        let kind = calendar.r#type;
        let authorization = match kind {
            CalendarType::Caldav => caldav::basic(&calendar.username, &sealed),
            _ => app.tokens.bearer(&app.http, calendar, &sealed).await?,
        };
        let url = match kind {
            CalendarType::Google => google::url(app.tokens.google_url(), &calendar.remote_id),
            CalendarType::Graph => graph::url(app.tokens.graph_url(), &calendar.remote_id),
            _ => calendar.url.trim_end_matches('/').to_owned(),
        };
        Ok(Self {
            http: app.http.clone(),
            zone: business.map_or(Tz::UTC, |business| business.zone()),
            url,
            authorization,
            kind,
        })
    }

    /// Writes an appointment; what the calendar calls it.
    ///
    /// # Errors
    /// [`Fault`].
    pub(super) async fn put(
        &self,
        appointment: &Appointment,
        event: &Event<'_>,
        known_as: Option<&str>,
    ) -> Result<String, Fault> {
        match self.kind {
            CalendarType::Google => google::put(self, event, known_as).await,
            CalendarType::Graph => graph::put(self, appointment, event, known_as).await,
            _ => caldav::put(self, event).await,
        }
    }

    /// Takes an event away; one that is gone already is as good.
    ///
    /// # Errors
    /// [`Fault`].
    pub(super) async fn remove(&self, remote_id: &str) -> Result<(), Fault> {
        let url = match self.kind {
            CalendarType::Google => google::event_url(self, remote_id),
            CalendarType::Graph => graph::event_url(self, remote_id),
            _ => caldav::event_url(self, remote_id),
        };
        let request = HttpRequest::new(bin_common_handler::httphandler::Method::DELETE, url);
        let answer = self.send(request).await?;
        match answer.status {
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(()),
            _ if self.kind == CalendarType::Caldav => caldav::done(&answer),
            // Both say that there is nothing to say.
            StatusCode::OK => Err(Fault::Broken),
            _ => judged(&answer),
        }
    }

    /// The times that its own events take within `window`; those named in `own` are ours. `state` is what an answer gave
    /// before; empty = everything is read.
    ///
    /// # Errors
    /// [`Fault`].
    pub(super) async fn busy(
        &self,
        state: &str,
        window: Interval,
        own: &HashSet<String>,
    ) -> Result<Pulled, Fault> {
        let pulled = match self.kind {
            CalendarType::Google => google::busy(self, state, window, own).await?,
            CalendarType::Graph => graph::busy(self, window, own).await?,
            _ => caldav::busy(self, state, window).await?,
        };
        Ok(match pulled {
            Pulled::Same => Pulled::Same,
            Pulled::All {
                busy,
                state,
                is_whole,
            } => Pulled::All {
                busy: merged(busy),
                state,
                is_whole,
            },
        })
    }

    /// Asks, in the account's name.
    ///
    /// # Errors
    /// [`Fault`] where no answer came.
    pub(super) async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Fault> {
        let request = request
            .header("authorization", self.authorization.expose())?
            .at_most(ANSWER_MAX);
        Ok(self.http.send(&request).await?)
    }
}

/// Whether an answer says yes.
///
/// # Errors
/// [`Fault`] by its status.
pub(super) fn judged(answer: &HttpResponse) -> Result<(), Fault> {
    match answer.status {
        status if status.is_success() => Ok(()),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Fault::Unauthorized),
        StatusCode::NOT_FOUND => Err(Fault::NotFound),
        StatusCode::GONE => Err(Fault::Gone),
        StatusCode::TOO_MANY_REQUESTS => Err(Fault::Away),
        status if status.is_client_error() => Err(Fault::Refused),
        _ => Err(Fault::Away),
    }
}
