//! Every URI of the daemon.

mod outdials;
mod outdialtargets;
mod subjects;

use bin_common_handler::{listenhandler::Routes, resource::Resource, subjects::LOOKUP};

use crate::{
    app::App,
    models::{
        outdial::Outdial,
        outdialtarget::{self, TargetCreate},
        outdialtargetcall, targetrow,
    },
};

/// The route table, in the order of the wire contract.
pub(crate) fn routes() -> Routes<App> {
    Routes::default()
        .post("/v1/outdials", outdials::create)
        .get("/v1/outdials", outdials::list)
        .filtered_by(Outdial::FILTERS)
        .stream("outdials", "outdial")
        .get("/v1/outdials/<outdial-id>", outdials::get)
        .put("/v1/outdials/<outdial-id>", outdials::update)
        .delete("/v1/outdials/<outdial-id>", outdials::delete)
        .put(
            "/v1/outdials/<outdial-id>/campaign_id",
            outdials::set_campaign,
        )
        .put("/v1/outdials/<outdial-id>/data", outdials::set_data)
        .get("/v1/outdials/<outdial-id>/stats", outdials::stats)
        .get(
            "/v1/outdials/<outdial-id>/targetcalls",
            outdials::list_calls,
        )
        .filtered_by(outdialtargetcall::FILTERS)
        .post("/v1/outdials/<outdial-id>/targets", outdialtargets::create)
        .get("/v1/outdials/<outdial-id>/targets", outdialtargets::list)
        .filtered_by(outdialtarget::FILTERS)
        .post(
            "/v1/outdials/<outdial-id>/targets/bulk",
            outdialtargets::create_bulk,
        )
        .takes::<Vec<TargetCreate>>()
        .bulk()
        .files(&targetrow::COLUMNS)
        .get_with_effect(
            "/v1/outdials/<outdial-id>/available",
            outdialtargets::available,
        )
        .get("/v1/outdialtargets/<target-id>", outdialtargets::get)
        .delete("/v1/outdialtargets/<target-id>", outdialtargets::delete)
        .post(
            "/v1/outdialtargets/<target-id>/progressing",
            outdialtargets::progress,
        )
        .put(
            "/v1/outdialtargets/<target-id>/status",
            outdialtargets::set_status,
        )
        .get(
            "/v1/outdialtargets/<target-id>/calls",
            outdialtargets::list_calls,
        )
        .filtered_by(outdialtargetcall::FILTERS)
        .post_without_effect(LOOKUP, subjects::lookup)
        .internal()
}
