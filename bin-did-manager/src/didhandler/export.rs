//! All numbers of a tenant as CSV, page by page, in columns that an import takes.

use bin_common_handler::{
    context::RequestContext,
    csv::write_cell,
    databasehandler::ListQuery,
    models::{
        error::Result,
        page::{Filters, Page},
    },
    resource::{Resource, ResourceHooks},
};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::{
    app::App,
    models::{did::Did, download::DownloadPage},
};

/// Numbers of one page: their text stays well under the largest reply.
const PAGE_SIZE: u32 = 500;

/// The page after `page.token`.
pub(crate) async fn export(
    app: &App,
    ctx: &RequestContext,
    named: Option<Uuid>,
    page: Page,
) -> Result<DownloadPage> {
    let customer_id = <App as ResourceHooks<Did>>::owner(app, ctx, named).await?;
    let is_first = page.token.is_none();
    let page = Page {
        size: PAGE_SIZE,
        ..page
    };
    let mut filters = Filters::new();
    filters.insert(
        "deleted",
        bin_common_handler::models::page::FilterValue::Deleted(false),
    );
    let query = ListQuery::new(&filters, page).matching("customer_id", customer_id);
    let dids = app.store.db.list(&query, Did::tm_create).await?;
    let mut text = String::new();
    if is_first {
        text.push_str(&Did::FIELDS.join(","));
        text.push_str("\r\n");
    }
    dids.iter().for_each(|did| write_line(did, &mut text));
    let next = dids.last().filter(|_| dids.len() >= PAGE_SIZE as usize);
    Ok(DownloadPage {
        text,
        next_page_token: next
            .map(|did| did.tm_create.to_string())
            .unwrap_or_default(),
    })
}

fn write_line(did: &Did, text: &mut String) {
    let whole = serde_json::to_value(did).unwrap_or_default();
    for (position, name) in Did::FIELDS.iter().enumerate() {
        if position > 0 {
            text.push(',');
        }
        match whole.get(*name) {
            None | Some(Json::Null) => {}
            Some(Json::String(cell)) => write_cell(cell, text),
            Some(Json::Array(list)) if list.is_empty() => {}
            Some(other) => write_cell(&other.to_string(), text),
        }
    }
    text.push_str("\r\n");
}
