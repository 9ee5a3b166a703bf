//! `/v1/auctions` and `/v1/bids`: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, List, Path, State},
    models::error::Result,
};

use crate::{
    app::App,
    auctionhandler::{self, AuctionCreate, BidCreate},
    models::{auction::Auction, bid::Bid},
};

pub(super) async fn open(
    State(app): State<App>,
    ctx: RequestContext,
    Json(body): Json<AuctionCreate>,
) -> Result<Json<Auction>> {
    auctionhandler::open(&app, &ctx, &body).await.map(Json)
}

pub(super) async fn list(
    State(app): State<App>,
    ctx: RequestContext,
    wanted: List,
) -> Result<Json<Vec<Auction>>> {
    auctionhandler::list(&app, &ctx, wanted).await.map(Json)
}

pub(super) async fn get(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<Auction>> {
    auctionhandler::get(&app, &ctx, id).await.map(Json)
}

pub(super) async fn close(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<Auction>> {
    auctionhandler::close(&app, &ctx, id).await.map(Json)
}

pub(super) async fn place(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Json(body): Json<BidCreate>,
) -> Result<Json<Bid>> {
    auctionhandler::place(&app, &ctx, id, &body).await.map(Json)
}

pub(super) async fn bids_of(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    wanted: List,
) -> Result<Json<Vec<Bid>>> {
    let auction = auctionhandler::get(&app, &ctx, id).await?;
    auctionhandler::bids(&app, &ctx, Some(auction.id), wanted)
        .await
        .map(Json)
}

pub(super) async fn bids(
    State(app): State<App>,
    ctx: RequestContext,
    wanted: List,
) -> Result<Json<Vec<Bid>>> {
    auctionhandler::bids(&app, &ctx, None, wanted)
        .await
        .map(Json)
}
