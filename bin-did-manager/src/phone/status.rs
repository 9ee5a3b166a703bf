//! The words with which Asterisk tells how a call attempt ended.

/// Asterisk's `DIALSTATUS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DialStatus {
    /// Somebody or something answered.
    Answer,
    /// The line was busy.
    Busy,
    /// It rang, and nobody answered.
    NoAnswer,
    /// The caller hung up first.
    Cancel,
    /// The network was full, or refused the call.
    Congestion,
    /// The trunk could not be reached.
    ChanUnavail,
    /// The attempt failed otherwise.
    Failed,
    /// The called party's privacy rules sent the caller away.
    DontCall,
    /// The called party's privacy rules sent the caller to an endless menu.
    Torture,
    /// The dialplan asked for something that cannot be dialled.
    InvalidArgs,
}

impl DialStatus {
    /// Every status, for tables.
    pub const ALL: [Self; 10] = [
        Self::Answer,
        Self::Busy,
        Self::NoAnswer,
        Self::Cancel,
        Self::Congestion,
        Self::ChanUnavail,
        Self::Failed,
        Self::DontCall,
        Self::Torture,
        Self::InvalidArgs,
    ];

    /// The status of that name, in capitals or not; spaces around it do not matter.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        Self::ALL
            .into_iter()
            .find(|status| status.as_str().eq_ignore_ascii_case(text))
    }

    /// The name as Asterisk writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answer => "ANSWER",
            Self::Busy => "BUSY",
            Self::NoAnswer => "NOANSWER",
            Self::Cancel => "CANCEL",
            Self::Congestion => "CONGESTION",
            Self::ChanUnavail => "CHANUNAVAIL",
            Self::Failed => "FAILED",
            Self::DontCall => "DONTCALL",
            Self::Torture => "TORTURE",
            Self::InvalidArgs => "INVALIDARGS",
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn every_status_is_read_by_its_name() {
        for status in DialStatus::ALL {
            assert_eq!(DialStatus::parse(status.as_str()), Some(status));
        }
    }

    #[rstest]
    #[case::lower_case("busy", Some(DialStatus::Busy))]
    #[case::spaces(" NoAnswer\r\n", Some(DialStatus::NoAnswer))]
    #[case::two_words("NO ANSWER", None)]
    #[case::longer("ANSWERED", None)]
    #[case::empty("", None)]
    fn other_words_are_no_status(#[case] text: &str, #[case] status: Option<DialStatus>) {
        assert_eq!(DialStatus::parse(text), status);
    }
}
