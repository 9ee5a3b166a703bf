//! Lists: newest first, by page, through whitelisted filters.

use super::{Db, Entity, Value, entity};
use crate::models::{
    error::Result,
    page::{FilterValue, Filters, Page},
    time::Timestamp,
};

/// Rows that may share one tm_create before a page is cut all the same.
const SAME_TIME_MAX: u32 = 100_000;

/// Which rows are wanted.
pub struct ListQuery {
    conditions: Vec<String>,
    values: Vec<Value>,
    page: Page,
}

impl ListQuery {
    /// Every row that the checked filters let through.
    pub fn new(filters: &Filters, page: Page) -> Self {
        let mut query = Self {
            conditions: Vec::new(),
            values: Vec::new(),
            page,
        };
        for (column, value) in filters {
            query = match value {
                FilterValue::Uuid(id) => query.matching(column, *id),
                FilterValue::Text(text) => query.matching(column, text.as_str()),
                FilterValue::Deleted(false) => query.with_condition("tm_delete IS NULL"),
                FilterValue::Deleted(true) => query.with_condition("tm_delete IS NOT NULL"),
            };
        }
        query
    }

    /// Only rows whose `column` equals `value`. The column comes from code, never from a caller.
    #[must_use]
    pub fn matching(mut self, column: &'static str, value: impl Into<Value>) -> Self {
        self.conditions.push(format!("{column} = ?"));
        self.values.push(value.into());
        self
    }

    fn with_condition(mut self, condition: &str) -> Self {
        self.conditions.push(condition.to_owned());
        self
    }

    fn sql<E: Entity>(&self, on_time: &str) -> String {
        let mut conditions = self.conditions.clone();
        if !on_time.is_empty() {
            conditions.push(on_time.to_owned());
        }
        let filter = if conditions.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", conditions.join(" AND "))
        };
        format!(
            "{}{filter} ORDER BY tm_create DESC, id DESC LIMIT ?",
            entity::select::<E>()
        )
    }
}

impl Db {
    /// One page. It is longer than asked for when several rows share its last tm_create: the next page
    /// begins before that time, so all of them must stand here.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn list<E: Entity>(
        &self,
        query: &ListQuery,
        created: impl Fn(&E) -> Timestamp,
    ) -> Result<Vec<E>> {
        let mut values = query.values.clone();
        let on_time = query.page.token.map_or("", |token| {
            values.push(token.into());
            "tm_create < ?"
        });
        values.push(query.page.size.into());
        let mut rows: Vec<E> = self.fetch_all(&query.sql::<E>(on_time), values).await?;
        let Some(last) = rows.last().map(&created) else {
            return Ok(rows);
        };
        if rows.len() < query.page.size as usize {
            return Ok(rows);
        }
        rows.retain(|row| created(row) != last);
        let mut values = query.values.clone();
        values.push(last.into());
        values.push(SAME_TIME_MAX.into());
        rows.extend(
            self.fetch_all::<E>(&query.sql::<E>("tm_create = ?"), values)
                .await?,
        );
        Ok(rows)
    }
}
