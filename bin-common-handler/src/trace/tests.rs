//! Contexts on the wire, and what a span costs.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use rstest::rstest;
use tokio::sync::mpsc;

use super::{Kind, Span, TraceContext, current, span::export_to, within};

const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[rstest]
#[case(GIVEN, true)]
#[case("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", true)]
#[case("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff", true)]
#[case("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true)]
#[case("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", true)]
#[case("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more", false)]
#[case("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", false)]
#[case("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false)]
#[case("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false)]
#[case("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false)]
#[case("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false)]
#[case("00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false)]
#[case("00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01", false)]
#[case("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0", false)]
#[case("", false)]
#[case("öööööööööööööööööööööööööööööö", false)]
fn a_traceparent_is_read_as_level_1_says(#[case] text: &str, #[case] is_one: bool) {
    assert_eq!(TraceContext::parse(text).is_some(), is_one);
}

proptest! {
    #[test]
    fn what_is_written_is_read(is_sampled: bool) {
        let trace = TraceContext::begin(is_sampled);
        prop_assert_eq!(TraceContext::parse(&trace.to_string()), Some(trace));
        prop_assert_eq!(trace.child().id(), trace.id());
        prop_assert_ne!(trace.child(), trace);
    }

    #[test]
    fn whatever_comes_ends_nothing(text: String) {
        let _ = TraceContext::parse(&text);
    }
}

#[tokio::test]
async fn work_belongs_to_a_trace_only_within_it() {
    let trace = TraceContext::parse(GIVEN);
    assert_eq!(within(trace, async { current() }).await, trace);
    assert_eq!(within(None, async { current() }).await, None);
    assert_eq!(current(), None);
}

fn spans(count: usize) -> Duration {
    let (started, parent) = (Instant::now(), TraceContext::parse(GIVEN));
    for _ in 0..count {
        let mut span = Span::after(parent, Kind::Internal, "test", || "GET /v1/x".to_owned());
        span.status(200);
        std::hint::black_box(span.context());
    }
    started.elapsed()
}

/// One test, because there is one exporter in a process.
#[test]
fn a_span_is_its_parent_until_somebody_exports_it() {
    const COUNT: usize = 100_000;
    let parent = TraceContext::parse(GIVEN);
    let off = spans(COUNT);
    let silent = Span::after(parent, Kind::Client, "test", || panic!("nobody reads it"));
    assert_eq!(silent.context(), parent);
    assert_eq!(Span::server(None, "test", String::new).context(), None);

    // Tests beside this one make spans, too.
    let (sender, mut finished) = mpsc::channel(2 * COUNT);
    export_to(Some(sender));
    let on = spans(COUNT);
    let mut outer = Span::after(parent, Kind::Server, "a", || "outer".to_owned());
    let inner = Span::after(outer.context(), Kind::Client, "b", || "inner".to_owned());
    outer.status(503);
    drop(inner);
    drop(outer);
    let unsampled = parent.map(|parent| TraceContext {
        is_sampled: false,
        ..parent
    });
    let quiet = Span::after(unsampled, Kind::Client, "c", || panic!("nobody records it"));
    assert_eq!(quiet.context(), unsampled);
    export_to(None);
    println!("{COUNT} spans: {off:?} without an exporter, {on:?} with one");
    // A flag and a copy; generous, as the machine may be busy.
    assert!(off < Duration::from_millis(100), "{off:?}");

    let mut named = std::iter::from_fn(|| finished.try_recv().ok())
        .filter(|span| span.service != "test" && span.service.len() == 1);
    let (inner, outer) = (named.next().unwrap(), named.next().unwrap());
    assert_eq!((inner.service, outer.service), ("b", "a"));
    assert_eq!(inner.parent_id, outer.context.span_id);
    assert_eq!(outer.parent_id, parent.unwrap().span_id);
    assert_eq!(inner.context.id(), parent.unwrap().id());
    assert!(outer.is_failed && !inner.is_failed);
}
