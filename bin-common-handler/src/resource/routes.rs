//! The five usual routes of a resource.

use super::{PatchJson, Resource, ResourceHooks, create, delete, get, list, update};
use crate::{
    context::RequestContext,
    listenhandler::{Json as Body, List, NamedTenant, Path, Routes, State},
    models::error::Result,
};

async fn serve_create<R: Resource, S: ResourceHooks<R>>(
    State(state): State<S>,
    ctx: RequestContext,
    NamedTenant(named): NamedTenant,
    PatchJson(patch): PatchJson<R::Patch>,
) -> Result<Body<R>> {
    create(&state, &ctx, named, &patch).await.map(Body)
}

async fn serve_list<R: Resource, S: ResourceHooks<R>>(
    State(state): State<S>,
    ctx: RequestContext,
    wanted: List,
) -> Result<Body<Vec<R>>> {
    list(&state, &ctx, wanted).await.map(Body)
}

async fn serve_get<R: Resource, S: ResourceHooks<R>>(
    State(state): State<S>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Body<R>> {
    get(&state, &ctx, id).await.map(Body)
}

async fn serve_update<R: Resource, S: ResourceHooks<R>>(
    State(state): State<S>,
    ctx: RequestContext,
    Path(id): Path,
    PatchJson(patch): PatchJson<R::Patch>,
) -> Result<Body<R>> {
    update(&state, &ctx, id, &patch).await.map(Body)
}

async fn serve_delete<R: Resource, S: ResourceHooks<R>>(
    State(state): State<S>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Body<R>> {
    delete(&state, &ctx, id).await.map(Body)
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// The five routes of a resource; `many` is its list, `one` a row of it.
    #[must_use]
    pub fn resource<R: Resource>(self, many: &'static str, one: &'static str) -> Self
    where
        S: ResourceHooks<R>,
    {
        self.listed::<R>(many)
            .post(many, serve_create::<R, S>)
            .get(one, serve_get::<R, S>)
            .put(one, serve_update::<R, S>)
            .delete(one, serve_delete::<R, S>)
    }

    /// As [`Self::resource`], for access keys with the scope `read` or `write`.
    #[must_use]
    pub fn resource_for<R: Resource>(
        self,
        many: &'static str,
        one: &'static str,
        read: &'static str,
        write: &'static str,
    ) -> Self
    where
        S: ResourceHooks<R>,
    {
        self.listed::<R>(many)
            .scope(read)
            .post(many, serve_create::<R, S>)
            .scope(write)
            .get(one, serve_get::<R, S>)
            .scope(read)
            .put(one, serve_update::<R, S>)
            .scope(write)
            .delete(one, serve_delete::<R, S>)
            .scope(write)
    }

    /// Making, changing and deleting a resource whose reading is the manager's own.
    #[must_use]
    pub fn changeable<R: Resource>(self, many: &'static str, one: &'static str) -> Self
    where
        S: ResourceHooks<R>,
    {
        self.post(many, serve_create::<R, S>)
            .put(one, serve_update::<R, S>)
            .deletable::<R>(one)
    }

    /// Only making a resource, for access keys with the scope `write`.
    #[must_use]
    pub fn creatable<R: Resource>(self, many: &'static str, write: &'static str) -> Self
    where
        S: ResourceHooks<R>,
    {
        self.post(many, serve_create::<R, S>).scope(write)
    }

    /// Changing and deleting a resource whose making and reading is the manager's own, for access keys with the
    /// scope `write`.
    #[must_use]
    pub fn changes<R: Resource>(self, one: &'static str, write: &'static str) -> Self
    where
        S: ResourceHooks<R>,
    {
        self.put(one, serve_update::<R, S>)
            .scope(write)
            .delete(one, serve_delete::<R, S>)
            .scope(write)
    }

    /// Only deleting a resource.
    #[must_use]
    pub fn deletable<R: Resource>(self, one: &'static str) -> Self
    where
        S: ResourceHooks<R>,
    {
        self.delete(one, serve_delete::<R, S>)
    }

    /// Only the list of a resource.
    #[must_use]
    pub fn listed<R: Resource>(self, many: &'static str) -> Self
    where
        S: ResourceHooks<R>,
    {
        self.get(many, serve_list::<R, S>).filtered_by(R::FILTERS)
    }

    /// Only reading one row of a resource.
    #[must_use]
    pub fn readable<R: Resource>(self, one: &'static str) -> Self
    where
        S: ResourceHooks<R>,
    {
        self.get(one, serve_get::<R, S>)
    }
}
