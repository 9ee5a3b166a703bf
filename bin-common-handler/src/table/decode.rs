//! The bytes of a file as text, whatever encoding its program wrote.
//!
//! Nothing is replaced: what is stored is what was written, or the file is refused.

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::TableFault;

/// Bytes by which the encoding is told.
pub(super) const HEAD: usize = 64 * 1024;
/// Bytes of which the zeros are counted.
const ZEROS_AMONG: usize = 1024;
/// The beginnings of spreadsheets' own files.
const WORKBOOKS: [&[u8]; 2] = [b"PK\x03\x04", b"\xd0\xcf\x11\xe0"];

/// Decodes a file that comes in pieces.
pub(super) struct Decode {
    state: State,
}

enum State {
    /// Before the encoding is known.
    Head(Vec<u8>),
    /// UTF-8 so far, with the beginning of a character, and whether any was not ASCII.
    Utf8 { carry: Vec<u8>, has_wide: bool },
    /// Any other.
    Other(Box<Decoder>),
}

impl Default for Decode {
    fn default() -> Self {
        Self {
            state: State::Head(Vec::new()),
        }
    }
}

impl Decode {
    /// Takes bytes and gives the text that is known by now.
    ///
    /// # Errors
    /// When they are no text.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<String, TableFault> {
        if let State::Head(head) = &mut self.state {
            head.extend_from_slice(bytes);
            if head.len() < HEAD {
                return Ok(String::new());
            }
            let head = std::mem::take(head);
            return self.begin(&head, false);
        }
        self.decode(bytes, false)
    }

    /// The text that is left.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn finish(&mut self) -> Result<String, TableFault> {
        if let State::Head(head) = &mut self.state {
            let head = std::mem::take(head);
            return self.begin(&head, true);
        }
        self.decode(&[], true)
    }

    fn begin(&mut self, head: &[u8], is_last: bool) -> Result<String, TableFault> {
        if WORKBOOKS.iter().any(|start| head.starts_with(start)) {
            return Err(refused("is a spreadsheet's own format"));
        }
        let (encoding, mark) = Encoding::for_bom(head).unwrap_or((by_zeros(head), 0));
        let text = head.get(mark..).unwrap_or_default();
        self.state = if encoding == encoding_rs::UTF_8 {
            State::Utf8 {
                carry: Vec::new(),
                has_wide: mark > 0,
            }
        } else {
            State::Other(Box::new(encoding.new_decoder_without_bom_handling()))
        };
        self.decode(text, is_last)
    }

    fn decode(&mut self, bytes: &[u8], is_last: bool) -> Result<String, TableFault> {
        let text = match &mut self.state {
            State::Head(_) => return Ok(String::new()),
            State::Other(decoder) => decode_with(decoder, bytes, is_last)?,
            State::Utf8 { carry, has_wide } => {
                carry.extend_from_slice(bytes);
                let all = std::mem::take(carry);
                match utf8(&all, is_last) {
                    Ok((text, rest)) => {
                        *has_wide |= !text.is_ascii();
                        rest.clone_into(carry);
                        text.to_owned()
                    }
                    Err(is_wide) if *has_wide || is_wide => {
                        return Err(refused("mixes encodings"));
                    }
                    Err(_) => {
                        let mut decoder = WINDOWS_1252.new_decoder_without_bom_handling();
                        let text = decode_with(&mut decoder, &all, is_last)?;
                        self.state = State::Other(Box::new(decoder));
                        text
                    }
                }
            }
        };
        // Windows-1252 leaves five bytes without a character; the decoder makes control characters of them.
        if matches!(&self.state, State::Other(decoder) if decoder.encoding() == WINDOWS_1252)
            && text.chars().any(|c| ('\u{80}'..='\u{9f}').contains(&c))
        {
            return Err(refused("holds bytes that are no text"));
        }
        if text.contains('\0') {
            return Err(refused("is neither CSV nor JSON"));
        }
        Ok(text)
    }
}

/// The characters that are whole, and the bytes of one that is not yet; of what is no UTF-8, whether some of it is
/// more than ASCII.
fn utf8(bytes: &[u8], is_last: bool) -> Result<(&str, &[u8]), bool> {
    let fault = match std::str::from_utf8(bytes) {
        Ok(text) => return Ok((text, &[])),
        Err(fault) => fault,
    };
    let (whole, rest) = bytes.split_at_checked(fault.valid_up_to()).ok_or(false)?;
    let text = std::str::from_utf8(whole).map_err(|_| false)?;
    if fault.error_len().is_none() && !is_last {
        Ok((text, rest))
    } else {
        Err(!text.is_ascii())
    }
}

/// UTF-16 without a mark has a zero in every second byte of plain text.
fn by_zeros(head: &[u8]) -> &'static Encoding {
    let head = head.get(..ZEROS_AMONG).unwrap_or(head);
    let zeros = |odd: usize| {
        let places = head.iter().skip(odd).step_by(2);
        places.filter(|byte| **byte == 0).count()
    };
    let (even, odd, pairs) = (zeros(0), zeros(1), head.len() / 2);
    if odd * 2 > pairs && even == 0 {
        UTF_16LE
    } else if even * 2 > pairs && odd == 0 {
        UTF_16BE
    } else {
        encoding_rs::UTF_8
    }
}

fn decode_with(decoder: &mut Decoder, bytes: &[u8], is_last: bool) -> Result<String, TableFault> {
    let room = decoder
        .max_utf8_buffer_length_without_replacement(bytes.len())
        .unwrap_or_default();
    let mut text = String::with_capacity(room);
    let (result, _) = decoder.decode_to_string_without_replacement(bytes, &mut text, is_last);
    match result {
        DecoderResult::InputEmpty => Ok(text),
        DecoderResult::OutputFull | DecoderResult::Malformed(..) => {
            Err(refused("is damaged, or in another encoding than it says"))
        }
    }
}

fn refused(what: &str) -> TableFault {
    TableFault::Unreadable(format!("the file {what}; save it as CSV UTF-8"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn read(file: &[u8], piece: usize) -> Result<String, TableFault> {
        let (mut decode, mut text) = (Decode::default(), String::new());
        for piece in file.chunks(piece) {
            text += &decode.push(piece)?;
        }
        Ok(text + &decode.finish()?)
    }

    fn utf16(text: &str, is_little: bool) -> Vec<u8> {
        let bytes = |unit: u16| {
            if is_little {
                unit.to_le_bytes()
            } else {
                unit.to_be_bytes()
            }
        };
        text.encode_utf16().flat_map(bytes).collect()
    }

    const TEXT: &str = "cid,name\r\n4155550123,René Müller\r\n";

    #[rstest]
    #[case::utf8(TEXT.as_bytes().to_vec())]
    #[case::utf8_with_a_mark(format!("\u{feff}{TEXT}").into_bytes())]
    #[case::windows(b"cid,name\r\n4155550123,Ren\xe9 M\xfcller\r\n".to_vec())]
    #[case::utf16_le(utf16(&format!("\u{feff}{TEXT}"), true))]
    #[case::utf16_be(utf16(&format!("\u{feff}{TEXT}"), false))]
    #[case::utf16_le_bare(utf16(TEXT, true))]
    #[case::utf16_be_bare(utf16(TEXT, false))]
    fn every_encoding_is_the_same_text(#[case] file: Vec<u8>) {
        for piece in [1, 2, 7, file.len()] {
            assert_eq!(read(&file, piece).unwrap(), TEXT);
        }
    }

    #[rstest]
    #[case::workbook(b"PK\x03\x04\0\0".to_vec(), "own format")]
    #[case::old_workbook(b"\xd0\xcf\x11\xe0\xa1\xb1".to_vec(), "own format")]
    #[case::zeros(b"cid\n4155550123\0\n".to_vec(), "neither CSV nor JSON")]
    #[case::undefined(b"cid,note\n1,Ren\xe9 \x81\n".to_vec(), "holds bytes that are no text")]
    #[case::mixed("é".bytes().chain(*b"\xe9\n").collect(), "mixes encodings")]
    #[case::half_a_character(b"\xff\xfea\0b\0\x00\xd8c\0".to_vec(), "damaged")]
    fn what_is_no_text_is_refused(#[case] file: Vec<u8>, #[case] message: &str) {
        let fault = read(&file, 3).unwrap_err().to_string();
        assert!(
            fault.contains(message) && fault.contains("CSV UTF-8"),
            "{fault}"
        );
    }

    #[test]
    fn a_late_character_of_windows_is_read_where_all_before_was_plain() {
        let mut file = "x".repeat(2 * HEAD).into_bytes();
        file.push(0xe9);
        assert!(read(&file, 1_000).unwrap().ends_with("xé"));
    }
}
