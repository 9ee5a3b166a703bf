//! Places where a crash would hurt, for tests that crash there.

/// In builds with the feature `test-support`, kills the process (SIGKILL: no destructor runs) when the
/// environment variable `TANDEM_FAILPOINT` names this place; otherwise nothing at all.
#[inline]
pub fn reach(place: &str) {
    #[cfg(feature = "test-support")]
    {
        #[expect(clippy::disallowed_methods, reason = "not a setting: tests only")]
        let wanted = std::env::var("TANDEM_FAILPOINT");
        if wanted.is_ok_and(|wanted| wanted == place) {
            let _ = std::process::Command::new("kill")
                .args(["-9", &std::process::id().to_string()])
                .status();
            std::process::abort();
        }
    }
    #[cfg(not(feature = "test-support"))]
    let _ = place;
}
