//! Files of many hands.

use rstest::rstest;
use serde_json::{Value, json};

use super::{Field, Kind, Reader, Row, Schema, TableFault};

static SCHEMA: Schema = Schema {
    fields: &[
        Field::number(
            "number",
            &["cid", "did", "phone", "callerid", "phonenumber"],
        ),
        Field::of("daily_cap", &["capacity"]),
        Field::of("status", &[]),
        Field::of("active", &[]),
        Field::of("description", &[]),
    ],
};

fn read(file: &[u8], piece: usize) -> Result<(Vec<Row>, Vec<String>), TableFault> {
    let (mut reader, mut rows) = (Reader::new(&SCHEMA, None), Vec::new());
    for piece in file.chunks(piece) {
        reader.push(piece)?;
        while let Some(row) = reader.next_row()? {
            rows.push(row);
        }
    }
    reader.finish()?;
    while let Some(row) = reader.next_row()? {
        rows.push(row);
    }
    Ok((rows, reader.ignored()))
}

fn all_ways(file: &[u8]) -> Result<(Vec<Row>, Vec<String>), TableFault> {
    let whole = read(file, usize::MAX);
    for piece in [1, 2, 3, 7, 64] {
        assert_eq!(read(file, piece), whole, "in pieces of {piece}");
    }
    whole
}

fn rows(file: &str) -> Vec<(u64, Value)> {
    let (rows, _) = all_ways(file.as_bytes()).unwrap();
    let rows = rows.into_iter();
    rows.map(|row| (row.number, json!(row.fields.unwrap())))
        .collect()
}

#[rstest]
#[case::header("cid\n4155550123\n", &[(2, json!({"cid": "4155550123"}))])]
#[case::none("4155550123\n4155550124", &[(1, json!({"number": "4155550123"})), (2, json!({"number": "4155550124"}))])]
#[case::none_among_others("a,4155550123,x\nb,4155550124,y\n", &[(1, json!({"number": "4155550123"})), (2, json!({"number": "4155550124"}))])]
#[case::other_case("DID,Daily Cap\r\n4155550123,40\r\n", &[(2, json!({"DID": "4155550123", "Daily Cap": "40"}))])]
#[case::dashes(" Caller-ID ;DAILY_CAP\n4155550123;4\n", &[(2, json!({"Caller-ID": "4155550123", "DAILY_CAP": "4"}))])]
#[case::dots("phone.number\tstatus\n4155550123\tx\n", &[(2, json!({"phone.number": "4155550123", "status": "x"}))])]
#[case::bars("cid|status\n4155550123|x,y;z\n", &[(2, json!({"cid": "4155550123", "status": "x,y;z"}))])]
#[case::invisible("\u{feff}\u{200b}cid\u{a0},status\n4155550123,x\n", &[(2, json!({"\u{200b}cid": "4155550123", "status": "x"}))])]
#[case::declared("sep=;\r\ncid;status\r\n4155550123;x,y\r\n", &[(2, json!({"cid": "4155550123", "status": "x,y"}))])]
#[case::declared_quoted("\"sep=|\"\ncid|status\n4155550123|x\n", &[(2, json!({"cid": "4155550123", "status": "x"}))])]
#[case::declared_odd("SEP=:\ncid:status\n4155550123:x\n", &[(2, json!({"cid": "4155550123", "status": "x"}))])]
#[case::declared_without_header("sep=,\n4155550123,x\n", &[(1, json!({"number": "4155550123"}))])]
#[case::title("Generated: 11/20/2026 10:22:33\ncid,status\n4155550164,inactive\n", &[(3, json!({"cid": "4155550164", "status": "inactive"}))])]
#[case::titles("Numbers of Acme, Inc.\n\nBy,Ann\nDate,2026-11-20 10:22:33\nName,Phone,Status,Active\nx,4155550164,a,b\n", &[(6, json!({"Phone": "4155550164", "Status": "a", "Active": "b"}))])]
#[case::title_over_one_column("Our numbers\ncid\n4155550123\n", &[(3, json!({"cid": "4155550123"}))])]
#[case::names_below_numbers("4155550123,x\ncid,status\n", &[(1, json!({"number": "4155550123"})), (2, json!({"number": "cid"}))])]
#[case::unknown_name_alone("line\n4155550123\n", &[(2, json!({"number": "4155550123"}))])]
#[case::quoted("cid,\"no,te\"\n\"+1 415 555 0123\",\"a, \"\"b\"\"\"\n", &[(2, json!({"cid": "+1 415 555 0123"}))])]
#[case::quoted_line_end("cid,description\n4155550123,\"a\r\nb\"\n4155550124,c\n", &[(2, json!({"cid": "4155550123", "description": "a\r\nb"})), (3, json!({"cid": "4155550124", "description": "c"}))])]
#[case::old_mac("cid\r4155550123\r4155550124", &[(2, json!({"cid": "4155550123"})), (3, json!({"cid": "4155550124"}))])]
#[case::empty_lines("\n\ncid\n\r\n4155550123\n  \n,,\n4155550124\n", &[(5, json!({"cid": "4155550123"})), (8, json!({"cid": "4155550124"}))])]
#[case::stray_quote("cid,description\n4155550123,5\" pipe\n", &[(2, json!({"cid": "4155550123", "description": "5\" pipe"}))])]
#[case::other_delimiter_before_a_quote("cid,description\n4155550123,x;\"y\n4155550124,z\n", &[(2, json!({"cid": "4155550123", "description": "x;\"y"})), (3, json!({"cid": "4155550124", "description": "z"}))])]
#[case::short("cid,status\n4155550123\n", &[(2, json!({"cid": "4155550123"}))])]
#[case::blank_beyond("cid\n4155550123,,\n", &[(2, json!({"cid": "4155550123"}))])]
#[case::known_beside_numbers("DID,Account\n4155550123,9312436009\n", &[(2, json!({"DID": "4155550123"}))])]
#[case::known_but_bad("cid,cell\n415555050,2125550507\n", &[(2, json!({"cid": "415555050"}))])]
#[case::known_but_blank("cid,cell,status\n,2125550507,x\n", &[(2, json!({"status": "x"}))])]
#[case::only_a_header("phone\n", &[])]
#[case::json(r#"[{"cid": 4155550123, "status": null}, "4155550124", 4155550125]"#, &[(1, json!({"cid": 4_155_550_123_u64, "status": null})), (2, json!({"number": "4155550124"})), (3, json!({"number": 4_155_550_125_u64}))])]
#[case::json_in_an_object("\u{feff}{\"count\": 1, \"dids\": [{\"Caller ID\": \"1\"}]}", &[(1, json!({"Caller ID": "1"}))])]
#[case::json_unknown_name_alone(r#"[{"b": "4155550123"}]"#, &[(1, json!({"number": "4155550123"}))])]
#[case::json_nothing("[]", &[])]
fn every_kind_of_file_is_read(#[case] file: &str, #[case] expected: &[(u64, Value)]) {
    assert_eq!(rows(file), expected);
}

#[rstest]
#[case("cid,Colour,note\n4155550123,red,x\n", &["Colour", "note"])]
#[case("4155550123,red,\n", &["column 2"])]
#[case("cid,\n4155550123,x\n", &["column 2"])]
#[case("cid;x;;\n4155550123;;;\n", &["x"])]
#[case("4155550123,Ann\n", &["column 2"])]
#[case("cid\n4155550123\n", &[])]
#[case(r#"[{"cid": "1", "a": 1}, {"cid": "2", "b": 1}]"#, &["a", "b"])]
fn other_columns_are_named(#[case] file: &str, #[case] expected: &[&str]) {
    let (_, ignored) = all_ways(file.as_bytes()).unwrap();
    assert_eq!(ignored, expected);
}

#[rstest]
#[case("cid,Cid\n4155550123,4155550124\n", "the column Cid is there twice")]
#[case(
    "cid,capacity,capacity\n4155550123,1,2\n",
    "the column capacity is there twice"
)]
#[case(
    "cid,capacity,daily_cap\n4155550123,1,2\n",
    "the columns capacity and daily_cap are both daily_cap; keep one"
)]
#[case(
    "DID,Caller ID\n4155550123,2125550123\n",
    "the columns DID and Caller ID are both number; keep one"
)]
#[case(
    "a,b,4155550503,d,e,f,g,h,i,j,2125550504\n",
    "column 3 and column 11 both look like phone numbers"
)]
#[case(
    "one,two\n4155550123,2125550123\n",
    "one and two both look like phone numbers"
)]
#[case(
    "Account,Status\n9312436077,Inactive\n",
    "no column is known to hold the numbers; if Account does"
)]
#[case(
    "Agent Cell,Daily Cap\n2125550507,40\n",
    "if Agent Cell does, name it `number`"
)]
#[case("Agent Cell,note\n2125550507,x\n", "if Agent Cell does")]
#[case("Fax,name\n2125550507,x\n", "if Fax does")]
#[case("name;Forward To\nx;2125550507\n", "if Forward To does")]
#[case("foo,bar\nx,2125550507\n", "if bar does")]
#[case(
    r#"[{"account": "3035554113", "status": "active"}]"#,
    "if account does"
)]
#[case(r#"[{"a": "x", "b": "4155550123"}]"#, "if b does")]
#[case("front,desk\nx,y\n", "no column is known to hold the phone numbers")]
#[case("front\n", "no column is known to hold the phone numbers")]
#[case("", "the file is empty")]
#[case("\n \r\n", "the file is empty")]
#[case("PK\u{3}\u{4}\0\0", "CSV UTF-8")]
#[case("[1", "one JSON array")]
#[case("{\"a\": 1}", "one JSON array")]
#[case("[tru]", "not JSON")]
#[case(
    r#"[{"cid": "1", "did": "2"}]"#,
    "the columns cid and did are both number"
)]
#[case(
    r#"[{"a": "4155550123", "b": "2125550123"}]"#,
    "a and b both look like phone numbers"
)]
fn a_table_that_leaves_doubt_is_refused(#[case] file: &str, #[case] message: &str) {
    let fault = all_ways(file.as_bytes()).unwrap_err().to_string();
    assert!(fault.contains(message), "{fault}");
}

#[rstest]
#[case("cid\n4155550123,x\n4155550124\n", &[(2, "has 2 cells, but the header has 1")])]
#[case("cid,status\n\"4155550123,x\n4155550124,y\n", &[(2, "opens a quote that is never closed")])]
#[case(r#"[{"cid": "4155550123", "cid": "4155550124"}, {"cid": "1"}]"#, &[(1, "it has a key twice")])]
#[case("[null, {\"cid\": \"1\"}, [2]]", &[(1, "must be an object, or a number alone"), (3, "must be an object, or a number alone")])]
fn bad_rows_are_told_and_the_rest_is_read(#[case] file: &str, #[case] expected: &[(u64, &str)]) {
    let (rows, _) = all_ways(file.as_bytes()).unwrap();
    let bad: Vec<_> = rows
        .iter()
        .filter_map(|row| Some((row.number, row.fields.as_ref().err()?.as_str())))
        .collect();
    assert_eq!(bad, expected);
    assert_eq!(rows.len(), expected.len() + 1);
}

#[rstest]
#[case::windows(b"cid,description\n4155550150,Ren\xe9\n".to_vec())]
#[case::utf8("cid,description\n4155550150,René\n".as_bytes().to_vec())]
#[case::utf16("\u{feff}cid,description\r\n4155550150,René\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect())]
fn no_letter_is_lost(#[case] file: Vec<u8>) {
    let (rows, _) = all_ways(&file).unwrap();
    let fields = rows[0].fields.clone().unwrap();
    assert_eq!(fields["description"], "René");
}

#[test]
fn the_column_is_decided_once_for_the_whole_file() {
    let mut file = "x,4155550123\n".to_owned();
    file.push_str(&"x,4155550123\n".repeat(149));
    file.push_str("2125550123,y\n");
    let rows = rows(&file);
    assert_eq!(rows.last().unwrap().1, json!({"number": "y"}));
}

#[test]
fn what_a_caller_says_it_is_is_believed() {
    let mut reader = Reader::new(&SCHEMA, Some(Kind::Json));
    reader.push(b"cid\n4155550123\n").unwrap();
    reader.finish().unwrap();
    assert!(reader.next_row().is_err());
}
