//! Settings that need each other: the start ends with the setting's name, and not with a job that died.

use std::future::pending;

use bin_chat_manager::MANAGER;
use bin_common_handler::{
    clock::Clock,
    daemon::{ProcessContext, run_with},
    testing::{Installation, Kind},
};
use rstest::rstest;

#[rstest]
#[case::no_sender(&[("SMTP_URL", "smtp://127.0.0.1:2525")], "EMAIL_FROM must be a mail address")]
#[case::no_key(&[("ATTACHMENTS_S3_URL", "https://s3.example.com/files")], "ATTACHMENTS_S3_KEY_ID and")]
#[case::no_bucket(&[("ATTACHMENTS_S3_URL", "https://s3.example.com")], "ATTACHMENTS_S3_URL must be")]
#[case::no_maildir(&[("INBOUND_MAILDIR", "/nonexistent/x")], "INBOUND_MAILDIR = ")]
#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_cannot_be_ends_with_the_setting(
    #[case] settings: &[(&'static str, &str)],
    #[case] words: &str,
) {
    let installation = Installation::new(Kind::Embedded, MANAGER, settings).await;
    let parts = ProcessContext::open(installation.config(), Clock::default()).unwrap();
    let ended = run_with(parts, vec![installation.manager], None, pending()).await;
    let told = ended.unwrap_err().to_string();
    assert!(told.starts_with(words), "{told}");
}
