//! The next number over HTTP, whatever the bridge stands on.

use std::time::Duration;

use bin_common_handler::models::sock::{Method, Request};
use uuid::Uuid;

use super::world;
use crate::{
    Result,
    child::{Child, free_address},
    http::{Connections, Http},
    line::Line,
    load::{Drive, Job, Until, WARM_UP, closed, open},
    metrics::Metrics,
    report::{Row, Section},
    sample::Sample,
    stand::Stand,
};

/// The operator's key of the bridges here.
pub(crate) const KEY: &str = "the-key-of-the-benchmark";
pub(crate) const P99_GOAL: Duration = Duration::from_millis(10);

/// A bridge that runs.
pub(crate) struct Bridge<'a> {
    pub name: &'static str,
    /// Everything that does its work.
    pub children: Vec<&'a Child>,
    /// Where it listens.
    pub address: String,
}

/// A program with a bridge in it, just started.
pub(crate) struct Started {
    pub child: Child,
    /// Where its bridge listens.
    pub address: String,
    pub metrics: Metrics,
}

/// Starts `program` with settings of its own beside those of its bridge.
pub(crate) async fn start(stand: &Stand, program: &str, own: &[(&str, String)]) -> Result<Started> {
    start_at(stand, program, &free_address()?, own).await
}

/// As [`start`], at an address that is known.
pub(crate) async fn start_at(
    stand: &Stand,
    program: &str,
    address: &str,
    own: &[(&str, String)],
) -> Result<Started> {
    let (address, metrics) = (address.to_owned(), free_address()?);
    let mut settings = vec![
        ("HTTP_LISTEN_ADDRESS", address.clone()),
        ("PROMETHEUS_LISTEN_ADDRESS", metrics.clone()),
        ("BRIDGE_ACCESS_KEY", KEY.to_owned()),
    ];
    settings.extend_from_slice(own);
    let child = Child::daemon(&stand.program(program), &stand.log(program)?, &settings)?;
    child.ready(&metrics).await?;
    Ok(Started {
        child,
        address,
        metrics: Metrics::new(&metrics)?,
    })
}

impl Bridge<'_> {
    /// The operator's line.
    pub(crate) fn operator(&self) -> Result<Http> {
        Http::new(&self.address, KEY, Connections::Kept)
    }

    /// A dialer's question, on connections of this kind.
    pub(crate) async fn next(&self, customer_id: Uuid, connections: Connections) -> Result<Job> {
        let operator = Line::Http(self.operator()?);
        let token = world::access_key(&operator, customer_id).await?;
        let line = Line::Http(Http::new(&self.address, &token, connections)?);
        Ok(world::next(&line, customer_id))
    }

    /// A question that the bridge answers by itself.
    pub(crate) fn nothing(&self, connections: Connections) -> Result<Job> {
        let line = Line::Http(Http::new(&self.address, KEY, connections)?);
        Ok(Job::new(&line, |_| {
            Request::new(Method::Get, "/v1/health", "bench")
        }))
    }

    /// So many connections, each of which asks again as soon as it is answered.
    pub(crate) async fn closed(&self, job: &Job, level: usize, time: Duration) -> Result<Sample> {
        closed(job, &self.children, level, Until::Elapsed(WARM_UP)).await?;
        closed(job, &self.children, level, Until::Elapsed(time)).await
    }

    /// Fixed rates, for both kinds of connections, each beside what the bridge answers by itself.
    pub(crate) async fn at_rate(
        &self,
        section: &mut Section,
        customer_id: Uuid,
        per_second: f64,
        time: Duration,
    ) -> Result<()> {
        for connections in [Connections::Kept, Connections::OneEach] {
            let how = match connections {
                Connections::Kept => "connections kept",
                Connections::OneEach => "a connection for each call",
            };
            let nothing = self.nothing(connections)?;
            let reference = open(&nothing, &self.children, per_second, time).await?;
            let job = self.next(customer_id, connections).await?;
            open(&job, &self.children, per_second, WARM_UP).await?;
            let sample = open(&job, &self.children, per_second, time).await?;
            let drive = Drive::PerSecond(per_second);
            let name = format!("{}, its own answer, {how} (reference)", self.name);
            section.add(Row::driven(name, drive, reference));
            let row = Row::driven(format!("next, {}, {how}", self.name), drive, sample);
            section.add(row.mostly_within(P99_GOAL).without_errors());
        }
        Ok(())
    }
}
