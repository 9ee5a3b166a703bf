//! The same request many times, some at a time.

use std::{io::IsTerminal, process::ExitCode, time::Instant};

use bin_common_handler::models::sock::Request;
use futures_util::{StreamExt, stream};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::figures::Figures;
use crate::{Outcome, client::Ask, output};

const BAR: &str = "{wide_bar} {human_pos}/{human_len}  {per_sec}  {eta} left";

pub async fn run(
    client: &impl Ask,
    request: &Request,
    times: u32,
    concurrency: u16,
    as_json: bool,
) -> Outcome {
    let bar = bar(times)?;
    let began = Instant::now();
    let mut replies = stream::iter(0..times)
        .map(|_| once(client, request))
        .buffer_unordered(usize::from(concurrency));
    let mut figures = Figures::default();
    while let Some((status, is_failure, took)) = replies.next().await {
        figures.note(status, is_failure, took);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let is_clean = figures.is_clean();
    let summary = figures.summary(began.elapsed().as_secs_f64());
    output::line(&if as_json {
        summary.json()
    } else {
        summary.text()
    })?;
    Ok(if is_clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn once(client: &impl Ask, request: &Request) -> (String, bool, std::time::Duration) {
    let began = Instant::now();
    let reply = client.ask(request).await;
    let took = began.elapsed();
    match reply {
        Ok(reply) => (
            reply.status_code.to_string(),
            reply.status_code >= 400,
            took,
        ),
        Err(fault) => (format!("no reply ({})", fault.reason()), true, took),
    }
}

fn bar(times: u32) -> Result<ProgressBar, indicatif::style::TemplateError> {
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    Ok(
        ProgressBar::with_draw_target(Some(u64::from(times)), target)
            .with_style(ProgressStyle::with_template(BAR)?),
    )
}
