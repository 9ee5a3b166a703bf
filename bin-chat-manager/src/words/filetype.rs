//! What a file is, by its first bytes and not by what anybody says; and the name under which it is saved. Files that a
//! browser or an office program would run are none.

use std::sync::LazyLock;

use regex::Regex;

use super::{finds, pattern};

/// What may be attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileType {
    /// E.g. `image/png`.
    pub media_type: &'static str,
    /// E.g. `png`.
    pub extension: &'static str,
}

/// Longest name, in characters, without its extension.
const NAME_MAX: usize = 80;

const fn of(media_type: &'static str, extension: &'static str) -> FileType {
    FileType {
        media_type,
        extension,
    }
}

const PDF: FileType = of("application/pdf", "pdf");

/// Where the mark stands, the mark, and what has it.
const MARKS: &[(usize, &[u8], FileType)] = &[
    (0, b"\x89PNG\r\n\x1a\n", of("image/png", "png")),
    (0, b"\xff\xd8\xff", of("image/jpeg", "jpg")),
    (0, b"GIF87a", of("image/gif", "gif")),
    (0, b"GIF89a", of("image/gif", "gif")),
    (8, b"WEBP", of("image/webp", "webp")),
    (4, b"ftypheic", of("image/heic", "heic")),
    (4, b"ftyp3g", of("video/3gpp", "3gp")),
    (4, b"ftypM4A", of("audio/mp4", "m4a")),
    (4, b"ftypisom", of("video/mp4", "mp4")),
    (4, b"ftypmp42", of("video/mp4", "mp4")),
    (0, b"ID3", of("audio/mpeg", "mp3")),
    (0, b"OggS", of("audio/ogg", "ogg")),
    (0, b"#!AMR", of("audio/amr", "amr")),
    (0, b"%PDF-", PDF),
];
/// Elements by which a browser runs, loads or asks for something, and any that has a handler of events.
static ACTIVE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"<[/\s]*(?:!doctype|!entity|\?xml|html|head|body|script|iframe|frame|frameset|svg|math|object|embed|applet|img|image|video|audio|source|link|meta|base|style|form|input|button|textarea|select|details|marquee|template|portal)\b|<[a-z][^<>]*\son[a-z]+\s*=|<[a-z][^<>]*javascript:",
    )
});
/// What a PDF names that runs a program when it is opened.
const ACTIVE_PDF: &[&[u8]] = &[b"/JavaScript", b"/Launch", b"/RichMedia"];
const TEXT: FileType = of("text/plain", "txt");

/// What a file is; none for what may not be attached.
pub fn sniff(bytes: &[u8]) -> Option<FileType> {
    let has = |at: usize, mark: &[u8]| bytes.get(at..at + mark.len()) == Some(mark);
    let known = MARKS.iter().find(|(at, mark, _)| has(*at, mark));
    match known {
        Some((8, _, _)) if !has(0, b"RIFF") => None,
        Some((_, _, known)) if *known == PDF && is_active_pdf(bytes) => None,
        Some((_, _, known)) => Some(*known),
        None => text(bytes),
    }
}

/// Words without markup are a text.
fn text(bytes: &[u8]) -> Option<FileType> {
    let text = std::str::from_utf8(bytes).ok()?;
    let is_plain = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    if text.is_empty() || !text.chars().all(is_plain) {
        return None;
    }
    let begins_with_markup = text
        .trim_start_matches('\u{feff}')
        .trim_start()
        .starts_with('<');
    (!begins_with_markup && !finds(&ACTIVE, text)).then_some(TEXT)
}

/// As far as it can be told without unpacking its parts.
fn is_active_pdf(bytes: &[u8]) -> bool {
    let names = pdf_names(bytes);
    let has = |mark: &&[u8]| names.windows(mark.len()).any(|found| found == *mark);
    ACTIVE_PDF.iter().any(has)
}

/// The bytes of a PDF with the figures in its names as what they stand for: `/J#61vaScript` (ISO 32000-1, 7.3.5).
fn pdf_names(bytes: &[u8]) -> Vec<u8> {
    let digit = |byte: &u8| {
        char::from(*byte)
            .to_digit(16)
            .and_then(|it| u8::try_from(it).ok())
    };
    let (mut names, mut rest) = (Vec::with_capacity(bytes.len()), bytes);
    while let Some((first, after)) = rest.split_first() {
        let figures = match after {
            [high, low, behind @ ..] if *first == b'#' => {
                digit(high).zip(digit(low)).zip(Some(behind))
            }
            _ => None,
        };
        if let Some(((high, low), behind)) = figures {
            names.push(high * 16 + low);
            rest = behind;
        } else {
            names.push(*first);
            rest = after;
        }
    }
    names
}

/// A name to save it under: the given one without its folders and anything odd, with the extension of what it is.
pub fn name(given: &str, kind: FileType) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = last.rsplit_once('.').map_or(last, |(stem, _)| stem);
    let is_kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '(' | ')');
    let stem: String = stem.chars().filter(is_kept).take(NAME_MAX).collect();
    let stem = match stem.trim() {
        "" => "file",
        stem => stem,
    };
    format!("{stem}.{}", kind.extension)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::png(b"\x89PNG\r\n\x1a\n0000", Some("image/png"))]
    #[case::jpeg(b"\xff\xd8\xff\xe0", Some("image/jpeg"))]
    #[case::webp(b"RIFF0000WEBPVP8 ", Some("image/webp"))]
    #[case::no_webp(b"\x00\x00\x00\x000000WEBP", None)]
    #[case::pdf(b"%PDF-1.7", Some("application/pdf"))]
    #[case::text(b"call me at noon", Some("text/plain"))]
    #[case::comparison(b"1 < 2", Some("text/plain"))]
    #[case::html(b"<!DOCTYPE html><p>hi", None)]
    #[case::html_after_a_mark("\u{feff}  <HTML>".as_bytes(), None)]
    #[case::html_after_words(b"hello <script>alert(1)</script>", None)]
    #[case::svg(b"<svg onload=alert(1)>", None)]
    #[case::picture_that_fails(b"hi <img src=x onerror=alert(1)>", None)]
    #[case::any_element_with_a_handler(b"hi <b onclick = alert(1)>", None)]
    #[case::link_that_runs(b"see <a href=javascript:alert(1)>this</a>", None)]
    #[case::slash(b"hi <svg/onload=alert(1)>", None)]
    #[case::address(b"Ann <ann@example.com> called", Some("text/plain"))]
    #[case::without_space(b"if a<b then <3", Some("text/plain"))]
    #[case::pdf_that_runs(b"%PDF-1.7 <</S /JavaScript /JS (app.alert(1))>>", None)]
    #[case::pdf_that_hides_it(b"%PDF-1.7 <</S /J#61vaScript /JS (app.alert(1))>>", None)]
    #[case::pdf_all_in_figures(b"%PDF-1.7 <</S /#4c#61#75#6e#63#68>>", None)]
    #[case::pdf_with_figures(b"%PDF-1.7 /A#20B #", Some("application/pdf"))]
    #[case::xml(b"<?xml version=\"1.0\"?><svg/>", None)]
    #[case::program(b"MZ\x90\x00", None)]
    #[case::elf(b"\x7fELF\x02\x01", None)]
    #[case::zip(b"PK\x03\x04", None)]
    #[case::empty(b"", None)]
    fn a_file_is_what_its_bytes_say(#[case] bytes: &[u8], #[case] expected: Option<&str>) {
        assert_eq!(sniff(bytes).map(|kind| kind.media_type), expected);
    }

    #[test]
    fn markup_is_found_wherever_it_stands() {
        let late = format!("{}<script>alert(1)</script>", "a ".repeat(300_000));
        assert_eq!(sniff(late.as_bytes()), None);
    }

    #[rstest]
    #[case("leak.png", "leak.png")]
    #[case("leak.html", "leak.png")]
    #[case("../../etc/passwd", "passwd.png")]
    #[case("C:\\photos\\my leak (1).JPG", "my leak (1).png")]
    #[case("a\"\r\nSet-Cookie: x.png", "aSet-Cookie x.png")]
    #[case("", "file.png")]
    #[case(".png", "file.png")]
    fn a_name_has_no_folders_and_the_extension_of_what_it_is(
        #[case] given: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(name(given, of("image/png", "png")), expected);
    }

    proptest! {
        #[test]
        fn any_bytes_and_names_are_taken_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..64), given in "\\PC{0,300}") {
            let _ = sniff(&bytes);
            let name = name(&given, TEXT);
            prop_assert!(!name.contains(['/', '\\', '"', '\n']) && name.chars().count() <= NAME_MAX + 4);
        }
    }
}
