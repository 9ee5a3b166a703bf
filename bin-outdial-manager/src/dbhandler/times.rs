//! Times that do harm when a clock was wrong, and what is right instead.

use std::time::Duration;

use bin_common_handler::databasehandler::ahead::{Held, TimeColumn};

pub(crate) const COLUMNS: &[TimeColumn] = &[
    TimeColumn {
        table: "outdial_outdialtargets",
        column: "lease_until",
        held: Held::Micros,
        among: "",
        may_lead: Duration::ZERO,
        harm: "the target is not handed out until then",
        repair: "lease_until = {now}",
        is_quick: true,
    },
    TimeColumn {
        table: "outdial_turns",
        column: "held_until",
        held: Held::Micros,
        among: "",
        may_lead: Duration::from_secs(86_400),
        harm: "other targets of the number are not handed out until then",
        repair: "held_until = {now}",
        is_quick: true,
    },
    TimeColumn {
        table: "outdial_outdialtargets",
        column: "refused_until",
        held: Held::Micros,
        among: "",
        may_lead: Duration::ZERO,
        harm: "an idle of a refused caller changes nothing until then",
        repair: "refused_until = NULL",
        // No index has it.
        is_quick: false,
    },
    // Only where it blocks: listeners may have seen the version that is taken back.
    TimeColumn {
        table: "outdial_outdialtargets",
        column: "tm_update",
        held: Held::Time,
        among: "status = 'progressing'",
        may_lead: Duration::ZERO,
        harm: "a target whose call was lost is not idle again until then",
        repair: "tm_update = {now_t}",
        is_quick: true,
    },
];
