//! Reports: the calls of some days, told apart by one thing, as JSON or CSV.

use std::collections::HashMap;

use bin_common_handler::{
    csv::write_cell,
    models::{
        error::{Error, Result},
        identity::optional_owner,
        time::Timestamp,
    },
};
use chrono::{Days, NaiveDate};
use serde::Serialize;
use uuid::Uuid;

use super::{Asked, GroupBy, Rates, figures, labels};
use crate::{
    app::App,
    models::{check::wrong, customer::Customer, rollup::Counts},
};

/// Longest span of a report, in days: two years, one of them a leap year.
const DAYS_MAX: u64 = 731;
/// Rows of a reply.
pub(crate) const ROWS_MAX: usize = 10_000;
const COLUMNS: &str =
    "item,label,calls,answered,human,asr,duration_seconds,average_duration_seconds\r\n";

/// One thing that calls are told apart by.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "ReportRow")]
pub(crate) struct Row {
    /// An id, a date, an hour, an area code; empty = none.
    pub item: String,
    /// What people call it.
    pub label: String,
    #[serde(flatten)]
    pub rates: Rates,
}

/// A report.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(crate) struct Report {
    pub group_by: &'static str,
    pub from: String,
    pub to: String,
    /// The zone of the dates.
    pub timezone: String,
    /// Calls are counted up to here.
    pub as_of: Timestamp,
    pub total: Rates,
    pub rows: Vec<Row>,
}

/// The parameters of a report as they were sent.
#[derive(Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[schemars(rename = "ReportParameters")]
#[serde(default)]
pub(crate) struct Parameters {
    /// The tenant; a key that belongs to one leaves it out.
    #[serde(deserialize_with = "optional_owner")]
    pub customer_id: Option<Uuid>,
    /// The first day, as YYYY-MM-DD; the last one when it is not said.
    pub from: String,
    /// The last day; the tenant's present day when it is not said.
    pub to: String,
    /// What calls are told apart by.
    pub group_by: String,
    /// json or csv.
    pub format: String,
}

/// Reads the parameters: `to` is the tenant's present day, and `from` the same day, unless they are given.
pub(crate) fn read(
    sent: &Parameters,
    customer: &Customer,
    now: Timestamp,
    items_max: usize,
) -> Result<Asked> {
    let today = customer.calendar().windows(now.micros()).date;
    let to = date("to", &sent.to)?.unwrap_or(today);
    let from = date("from", &sent.from)?.unwrap_or(to);
    let group_by = match sent.group_by.as_str() {
        "" => GroupBy::Day,
        text => GroupBy::parse(text).ok_or_else(|| {
            wrong(
                "group_by",
                "must be day, hour, did, pool, campaign or area_code",
            )
        })?,
    };
    if from > to {
        return Err(wrong("from", "must not be after to"));
    }
    if from
        .checked_add_days(Days::new(DAYS_MAX))
        .is_none_or(|end| end <= to)
    {
        return Err(wrong("from", "must be at most 731 days before to"));
    }
    Ok(Asked {
        group_by,
        from,
        to,
        items_max,
    })
}

fn date(field: &str, text: &str) -> Result<Option<NaiveDate>> {
    if text.is_empty() {
        return Ok(None);
    }
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d");
    date.map(Some)
        .map_err(|_| wrong(field, "must be a date such as 2026-11-20"))
}

/// Makes the report.
pub(crate) async fn make(app: &App, customer: &Customer, asked: &Asked) -> Result<Report> {
    let figures = figures(app, customer, asked).await?;
    let mut total = Counts::default();
    figures.by_item.values().for_each(|counts| total += *counts);
    let rows = rows(app, customer, asked, figures.by_item).await?;
    Ok(Report {
        group_by: asked.group_by.as_str(),
        from: asked.from.to_string(),
        to: asked.to.to_string(),
        timezone: customer.timezone.clone(),
        as_of: figures.as_of,
        total: total.into(),
        rows,
    })
}

/// Figures as rows: in the order of time, else with most calls first.
pub(super) async fn rows(
    app: &App,
    customer: &Customer,
    asked: &Asked,
    by_item: HashMap<String, Counts>,
) -> Result<Vec<Row>> {
    let mut figures: Vec<_> = by_item.into_iter().collect();
    let is_time = matches!(asked.group_by.as_str(), "day" | "hour");
    if is_time {
        figures.sort_unstable_by(|(one, _), (two, _)| one.cmp(two));
    } else {
        let order = |(item, counts): &(String, Counts)| (-counts.calls, item.clone());
        figures.sort_by_cached_key(order);
    }
    figures.truncate(asked.items_max);
    let items: Vec<_> = figures.iter().map(|(item, _)| item.clone()).collect();
    let labels = labels::of(&app.store.db, customer.id, asked.group_by, &items).await?;
    Ok(figures
        .into_iter()
        .map(|(item, counts)| row(asked.group_by, item, counts, &labels))
        .collect())
}

fn row(group_by: GroupBy, item: String, counts: Counts, labels: &HashMap<String, String>) -> Row {
    let written = match group_by {
        GroupBy::Day => dashed_date(&item),
        GroupBy::By(_) => uuid::Uuid::try_parse(&item).map_or(item.clone(), |id| id.to_string()),
    };
    Row {
        label: labels.get(&item).unwrap_or(&written).clone(),
        item: written,
        rates: counts.into(),
    }
}

/// 20261120 as 2026-11-20.
fn dashed_date(day: &str) -> String {
    let date = NaiveDate::parse_from_str(day, "%Y%m%d");
    date.map_or_else(|_| day.to_owned(), |date| date.to_string())
}

/// The rows as CSV.
pub(crate) fn csv(rows: &[Row]) -> String {
    let mut text = COLUMNS.to_owned();
    for row in rows {
        csv_line(row, &mut text);
    }
    text
}

fn csv_line(row: &Row, text: &mut String) {
    let Rates {
        counts,
        asr,
        average_duration_seconds,
    } = row.rates;
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let cells = [
        row.item.clone(),
        row.label.clone(),
        counts.calls.to_string(),
        counts.answered.to_string(),
        counts.human.to_string(),
        number(asr),
        counts.duration_seconds.to_string(),
        number(average_duration_seconds),
    ];
    for (position, cell) in cells.iter().enumerate() {
        if position > 0 {
            text.push(',');
        }
        write_cell(cell, text);
    }
    text.push_str("\r\n");
}

/// The rows as one JSON object a line.
pub(crate) fn jsonl(rows: &[Row]) -> Result<String> {
    let mut text = String::new();
    for row in rows {
        text.push_str(&serde_json::to_string(row).map_err(Error::internal)?);
        text.push('\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn parameters(from: &str, to: &str, group_by: &str) -> Parameters {
        Parameters {
            from: from.to_owned(),
            to: to.to_owned(),
            group_by: group_by.to_owned(),
            format: String::new(),
            ..Parameters::default()
        }
    }

    fn ask(sent: &Parameters) -> Result<Asked> {
        let customer = Customer {
            timezone: "America/New_York".to_owned(),
            ..Customer::default()
        };
        read(sent, &customer, "2026-11-20T04:00:00Z".parse().unwrap(), 10)
    }

    #[test]
    fn without_dates_it_is_the_tenants_present_day() {
        let asked = ask(&Parameters::default()).unwrap();
        let day = "2026-11-19".parse().unwrap();
        assert_eq!(
            (asked.from, asked.to, asked.group_by),
            (day, day, GroupBy::Day)
        );
    }

    #[rstest]
    #[case::two_years("2024-11-20", "2026-11-20", "did", true)]
    #[case::more_than_two_years("2024-11-19", "2026-11-20", "did", false)]
    #[case::backwards("2026-11-20", "2026-11-19", "did", false)]
    #[case::no_date("2026-11-31", "2026-12-01", "did", false)]
    #[case::other_form("20261120", "2026-12-01", "did", false)]
    #[case::far_away("+262142-12-31", "+262142-12-31", "did", false)]
    #[case::unknown_group("2026-11-20", "2026-11-20", "total", false)]
    fn dates_and_groups_are_checked(
        #[case] from: &str,
        #[case] to: &str,
        #[case] group_by: &str,
        #[case] fine: bool,
    ) {
        let asked = ask(&parameters(from, to, group_by));
        assert_eq!(asked.is_ok(), fine, "{asked:?}");
    }

    fn a_row() -> Row {
        Row {
            item: String::new(),
            label: "=1+1".to_owned(),
            rates: Counts {
                calls: 4,
                answered: 1,
                human: 0,
                duration_seconds: 9,
            }
            .into(),
        }
    }

    #[test]
    fn rows_become_lines() {
        let text = csv(&[a_row()]);
        assert_eq!(text.lines().nth(1), Some(",\"'=1+1\",4,1,0,0.25,9,9"));
        let expected = r#"{"item":"","label":"=1+1","calls":4,"answered":1,"human":0,"duration_seconds":9,"asr":0.25,"average_duration_seconds":9.0}"#;
        assert_eq!(jsonl(&[a_row()]).unwrap().trim_end(), expected);
    }

    #[test]
    fn a_day_is_written_as_a_date() {
        let row = row(
            GroupBy::Day,
            "20261120".to_owned(),
            Counts::default(),
            &HashMap::new(),
        );
        assert_eq!(
            (row.item.as_str(), row.label.as_str()),
            ("2026-11-20", "2026-11-20")
        );
    }
}
