//! Lists: newest first, by page, through whitelisted filters.

use super::{Db, Entity, Value, entity};
use crate::models::{
    error::Result,
    page::{FilterValue, Filters, Page},
    time::Timestamp,
};

/// Rows that may share one tm_create before a page is cut all the same.
const SAME_TIME_MAX: u32 = 100_000;
/// Of rows that others wrote.
const WITHOUT_TIME: &str = "tm_create IS NULL";

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

    /// Only rows that a condition of the manager's own lets through; its text comes from code, never from a caller.
    #[must_use]
    pub fn confined(mut self, condition: &str, values: Vec<Value>) -> Self {
        self.values.extend(values);
        self.with_condition(condition)
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
    /// One page; a size of 0 is an empty one. Rows whose tm_create is not known stand at the end of the list.
    /// It is longer than asked for when several rows share its last tm_create: the next page begins before
    /// that time, so all of them must stand here.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn list<E: Entity>(
        &self,
        query: &ListQuery,
        created: impl Fn(&E) -> Timestamp,
    ) -> Result<Vec<E>> {
        if query.page.size == 0 {
            return Ok(Vec::new());
        }
        let size = query.page.size as usize;
        let (on_time, time) = match query.page.token {
            Some(token) => ("tm_create < ?", Some(token)),
            None => ("", None),
        };
        let mut rows: Vec<E> = self.part(query, on_time, time, query.page.size).await?;
        let is_short = rows.len() < size;
        if is_short && query.page.token.is_some() {
            let rest = self.part(query, WITHOUT_TIME, None, SAME_TIME_MAX).await?;
            rows.extend(rest);
        }
        let Some(last) = rows.last().map(&created).filter(|_| !is_short) else {
            return Ok(rows);
        };
        rows.retain(|row| created(row) != last);
        let same = if last.is_unset() {
            self.part(query, WITHOUT_TIME, None, SAME_TIME_MAX).await?
        } else {
            self.part(query, "tm_create = ?", Some(last), SAME_TIME_MAX)
                .await?
        };
        rows.extend(same);
        Ok(rows)
    }

    async fn part<E: Entity>(
        &self,
        query: &ListQuery,
        on_time: &str,
        time: Option<Timestamp>,
        limit: u32,
    ) -> Result<Vec<E>> {
        let mut values = query.values.clone();
        values.extend(time.map(Value::from));
        values.push(limit.into());
        Ok(self.fetch_all(&query.sql::<E>(on_time), values).await?)
    }
}
