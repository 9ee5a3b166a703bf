//! Who is served, waits or is sent away.

use proptest::prelude::*;

use super::{waiting::WAIT_MAX, *};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Job {
    tenant: u128,
    number: usize,
    hears: bool,
}

impl Queued for Job {
    fn tenant(&self) -> Option<Uuid> {
        Some(Uuid::from_u128(self.tenant))
    }

    fn can_be_refused(&self) -> bool {
        self.hears
    }
}

/// So long that those that come are old.
const LONG: Duration = Duration::from_secs(1);

fn job(tenant: u128, number: usize) -> Job {
    Job {
        tenant,
        number,
        hears: true,
    }
}

/// All handlers are busy.
fn all_busy(now: Instant) -> AdmissionQueue<Job> {
    let admission = AdmissionQueue::default();
    for number in 0..CONCURRENCY {
        assert!(matches!(
            admission.arrive(job(0, number), now),
            Admission::Now(_)
        ));
    }
    admission
}

/// The queue has been full for long with `tenant`'s.
fn full(tenant: u128) -> (AdmissionQueue<Job>, Instant) {
    let start = Instant::now();
    let admission = all_busy(start);
    for number in 0..=WAITING_MAX {
        assert_eq!(
            admission.arrive(job(tenant, number), start),
            Admission::Later
        );
    }
    (admission, start + WAIT_MAX)
}

#[test]
fn so_many_are_served_at_a_time_and_the_next_when_one_is_done() {
    let now = Instant::now();
    let admission = all_busy(now);
    assert_eq!(admission.arrive(job(1, 0), now), Admission::Later);
    assert_eq!(admission.next(), Some(job(1, 0)));
    assert_eq!(admission.next(), None, "a place is free");
    assert_eq!(admission.arrive(job(1, 1), now), Admission::Now(job(1, 1)));
    assert_eq!(admission.arrive(job(1, 2), now), Admission::Later);
}

#[test]
fn tenants_take_turns() {
    let now = Instant::now();
    let admission = all_busy(now);
    for number in 0..50 {
        admission.arrive(job(1, number), now);
    }
    admission.arrive(job(2, 0), now);
    admission.arrive(job(2, 1), now);
    let served: Vec<_> = (0..5)
        .filter_map(|_| admission.next())
        .map(|job| job.tenant)
        .collect();
    assert_eq!(served, [1, 2, 1, 2, 1]);
}

#[test]
fn a_short_stall_is_sat_out_and_a_long_one_is_not() {
    let start = Instant::now();
    let admission = all_busy(start);
    for number in 0..WAITING_MAX + 50 {
        assert_eq!(admission.arrive(job(1, number), start), Admission::Later);
    }
    let almost = start + WAIT_MAX - Duration::from_millis(1);
    assert_eq!(admission.arrive(job(1, 900), almost), Admission::Later);
    let newest = job(1, 901);
    assert_eq!(
        admission.arrive(newest, start + WAIT_MAX),
        Admission::Refuse(newest)
    );
    while admission.next().is_some() {}
    let later = start + WAIT_MAX * 10;
    admission.arrive(job(1, 0), later);
    for number in 0..WAITING_MAX {
        assert_eq!(
            admission.arrive(job(1, number), later),
            Admission::Later,
            "it starts anew"
        );
    }
}

#[test]
fn as_many_may_wait_as_were_served_in_that_time() {
    let start = Instant::now();
    let admission = all_busy(start);
    for number in 0..500 {
        admission.arrive(job(1, number), start);
    }
    for _ in 0..PERIODS {
        for _ in 0..20 {
            admission.next();
        }
        assert_eq!(admission.tick(start), []);
    }
    let left = 500 - 20 * PERIODS;
    let gone = admission.tick(start + WAIT_MAX).len();
    assert_eq!(
        left - gone,
        20 * (PERIODS - 1),
        "of the last five periods one was idle"
    );
}

#[test]
fn when_nobody_is_done_those_that_are_too_many_go_all_the_same() {
    let start = Instant::now();
    let admission = all_busy(start);
    for number in 0..WAITING_MAX + 3 {
        admission.arrive(job(1, number), start);
    }
    assert_eq!(admission.tick(start), []);
    let gone = admission.tick(start + WAIT_MAX);
    assert_eq!(
        gone.first(),
        Some(&job(1, WAITING_MAX + 2)),
        "the newest first"
    );
    assert_eq!(gone.len(), WAITING_MAX + 3 - WAITING_MIN);
    assert_eq!(admission.tick(start + WAIT_MAX), []);
}

#[test]
fn whoever_asks_most_is_sent_away() {
    let (admission, now) = full(1);
    assert!(matches!(admission.arrive(job(2, 0), now), Admission::Refuse(job) if job.tenant == 1));
    assert!(
        matches!(admission.arrive(job(1, 900), now), Admission::Refuse(job) if job.number == 900)
    );
    admission.next();
    assert_eq!(admission.next(), Some(job(2, 0)));
}

#[test]
fn nobody_is_sent_away_who_would_not_hear_it() {
    let (admission, now) = full(1);
    let posted = Job {
        hears: false,
        ..job(1, 900)
    };
    let Admission::Refuse(refused) = admission.arrive(posted, now) else {
        panic!("one that hears is sent away");
    };
    assert_eq!(refused.number, WAITING_MAX);
}

#[test]
fn while_those_that_come_are_old_few_are_let_in_though_there_is_room() {
    let now = Instant::now();
    let admission = AdmissionQueue::default();
    admission.report_broker_wait(LONG);
    assert_eq!(admission.arrive(job(1, 0), now), Admission::Now(job(1, 0)));
    assert_eq!(
        admission.arrive(job(1, 1), now),
        Admission::Refuse(job(1, 1))
    );
    let other = admission.arrive(job(2, 2), now);
    assert_eq!(other, Admission::Now(job(2, 2)), "another tenant's first");
    let posted = Job {
        hears: false,
        ..job(1, 3)
    };
    assert_eq!(
        admission.arrive(posted, now),
        Admission::Now(posted),
        "it would not hear it"
    );
    assert_eq!(admission.tick(now), []);
    assert!(
        matches!(admission.arrive(job(1, 4), now), Admission::Now(_)),
        "a new period"
    );
    admission.report_broker_wait(Duration::ZERO);
    assert_eq!(admission.arrive(job(1, 5), now), Admission::Now(job(1, 5)));
}

#[test]
fn it_is_crowded_where_many_wait_and_until_those_that_come_are_fresh() {
    let now = Instant::now();
    let admission = all_busy(now);
    for number in 1..WAITING_MIN {
        admission.arrive(job(1, number), now);
    }
    assert!(!admission.is_crowded());
    admission.arrive(job(1, 0), now);
    assert!(admission.is_crowded());
    admission.report_broker_wait(LONG);
    while admission.next().is_some() {}
    assert!(
        admission.is_crowded(),
        "somebody has to say when it is over"
    );
    admission.report_broker_wait(Duration::ZERO);
    assert!(!admission.is_crowded());
}

#[test]
fn the_tenant_is_read_off_the_envelope() {
    let tenant = Uuid::from_u128(7);
    let text = format!(r#"{{"uri":"/v1/x","data":{{"customer_id":1}},"customer_id":"{tenant}"}}"#);
    assert_eq!(tenant_of(text.as_bytes()), Some(tenant));
    for text in [
        "{}",
        "[]",
        "",
        r#"{"customer_id":null}"#,
        r#"{"customer_id":7}"#,
    ] {
        assert_eq!(tenant_of(text.as_bytes()), None, "{text}");
    }
}

proptest! {
    #[test]
    fn everybody_is_served_or_sent_away_once(
        steps in prop::collection::vec((0..4_u128, any::<bool>(), 0..700_u64), 0..600)
    ) {
        let admission = AdmissionQueue::default();
        let (mut now, mut running, mut done) = (Instant::now(), 0, 0);
        for (number, (tenant, hears, pause_ms)) in steps.iter().enumerate() {
            now += Duration::from_millis(*pause_ms / 100);
            if *pause_ms % 50 == 0 {
                admission.report_broker_wait(Duration::from_millis(*pause_ms));
                done += admission.tick(now).len();
            }
            let job = Job { tenant: *tenant, number, hears: *hears };
            match admission.arrive(job, now) {
                Admission::Now(_) => running += 1,
                Admission::Later => {}
                Admission::Refuse(job) => {
                    prop_assert!(job.hears);
                    done += 1;
                }
            }
            prop_assert!(running <= CONCURRENCY);
            if *pause_ms % 3 == 0 && running > 0 {
                done += 1;
                running -= usize::from(admission.next().is_none());
            }
        }
        while running > 0 {
            done += 1;
            running -= usize::from(admission.next().is_none());
        }
        prop_assert_eq!(done, steps.len());
    }
}
