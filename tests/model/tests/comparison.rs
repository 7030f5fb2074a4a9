//! The comparison finds every single thing that is off: a record, a value, a time, a row, a column.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use table_model::{Info, Report, Tables, compare};

/// Records of which each one matters; the dump below is what they give.
const RECORDS: &str = r#"
{"op":"ddl","ts":1000000000,"ddl":{"change":"create","object":"keyspace","name":"ks","cql":"CREATE KEYSPACE ks WITH durable_writes = true"},"source":{"keyspace":"ks"}}
{"op":"ddl","ts":1000000001,"ddl":{"change":"create","object":"table","name":"t","cql":"CREATE TABLE ks.t (k int, c int, v int, w text, s int static, m map<text, int>, PRIMARY KEY (k, c)) WITH CLUSTERING ORDER BY (c DESC)"},"source":{"keyspace":"ks","table":"t","table_id":"id-t"}}
{"op":"ddl","ts":1000000002,"ddl":{"change":"create","object":"table","name":"n","cql":"CREATE TABLE ks.n (k text PRIMARY KEY, n counter)"},"source":{"keyspace":"ks","table":"n","table_id":"id-n"}}
{"op":"ddl","ts":1000000003,"ddl":{"change":"create","object":"keyspace","name":"nodur","cql":"CREATE KEYSPACE nodur WITH durable_writes = false"},"source":{"keyspace":"nodur"}}
{"op":"ddl","ts":1000000004,"ddl":{"change":"create","object":"view","name":"mv","cql":"CREATE MATERIALIZED VIEW ks.mv AS SELECT * FROM ks.t"},"source":{"keyspace":"ks"}}
{"op":"insert","ts":10,"key":{"k":1,"c":1},"row":{"ttl":10,"expires":1060},"cells":{"w":{"value":"gone","ttl":10,"expires":1060}},"source":{"host_id":"a","keyspace":"ks","table":"t","table_id":"id-t","segment":1,"position":10,"index":0}}
{"op":"insert","ts":10,"key":{"k":1,"c":2},"row":{},"cells":{"v":{"value":7,"ttl":100,"expires":1150},"m":{"elements":[{"path":"a","value":1}]}},"source":{"host_id":"a","keyspace":"ks","table":"t","table_id":"id-t","segment":1,"position":20,"index":0}}
{"op":"update","ts":11,"key":{"k":1,"c":2},"cells":{"m":{"elements":[{"path":"b","value":2}]}},"source":{"host_id":"a","keyspace":"ks","table":"t","table_id":"id-t","segment":1,"position":30,"index":0}}
{"op":"update","ts":12,"key":{"k":1,"c":null},"static":true,"cells":{"s":{"value":3}},"source":{"host_id":"a","keyspace":"ks","table":"t","table_id":"id-t","segment":1,"position":40,"index":0}}
{"op":"insert","ts":13,"key":{"k":1,"c":5},"row":{},"source":{"host_id":"a","keyspace":"ks","table":"t","table_id":"id-t","segment":1,"position":50,"index":0}}
{"op":"insert","ts":13,"key":{"k":1,"c":6},"row":{},"source":{"host_id":"a","keyspace":"ks","table":"t","table_id":"id-t","segment":1,"position":55,"index":0}}
{"op":"delete_range","ts":14,"key":{"k":1,"c":null},"deleted":{"at":1050},"range":{"end":{"values":[6],"inclusive":true}},"source":{"host_id":"a","keyspace":"ks","table":"t","table_id":"id-t","segment":1,"position":60,"index":0}}
{"op":"delete","ts":14,"key":{"k":1,"c":5},"deleted":{"at":1050},"source":{"host_id":"a","keyspace":"ks","table":"t","table_id":"id-t","segment":1,"position":65,"index":0}}
{"op":"insert","ts":13,"key":{"k":2,"c":5},"row":{},"source":{"host_id":"a","keyspace":"ks","table":"t","table_id":"id-t","segment":1,"position":70,"index":0}}
{"op":"delete_partition","ts":13,"key":{"k":2,"c":null},"deleted":{"at":1050},"source":{"host_id":"a","keyspace":"ks","table":"t","table_id":"id-t","segment":1,"position":80,"index":0}}
{"op":"insert","ts":99,"key":{"k":3,"c":5},"row":{},"source":{"host_id":"a","keyspace":"ks","table":"t","table_id":"id-t","segment":1,"position":90,"index":0}}
{"op":"truncate","key":{"k":null,"c":null},"truncated":{"segment":1,"position":5},"source":{"host_id":"a","keyspace":"ks","table":"t","table_id":"id-t","segment":1,"position":95,"index":0}}
{"op":"update","ts":15,"key":{"k":"x"},"cells":{"n":{"shards":[{"id":"s1","clock":1,"count":4}]}},"source":{"host_id":"a","keyspace":"ks","table":"n","table_id":"id-n","segment":1,"position":100,"index":0}}
{"op":"update","ts":16,"key":{"k":"x"},"cells":{"n":{"shards":[{"id":"s2","clock":1,"count":-1}]}},"source":{"host_id":"b","keyspace":"ks","table":"n","table_id":"id-n","segment":1,"position":100,"index":0}}
"#;

const DUMP: &str = r#"
{"keyspace":"ks","table":"mv","columns":[["k","partition_key","int"]],"rows":1}
{"keyspace":"ks","table":"mv","raw":{"k":"00000009"}}
{"keyspace":"ks","table":"n","columns":[["k","partition_key","text"],["n","regular","counter"]],"rows":1}
{"keyspace":"ks","table":"n","raw":{"k":"78","n":"0000000000000003"}}
{"keyspace":"ks","table":"t","columns":[["c","clustering","int"],["k","partition_key","int"],["m","regular","map<text, int>"],["s","static","int"],["v","regular","int"],["w","regular","text"]],"rows":2}
{"keyspace":"ks","table":"t","raw":{"c":"00000005","k":"00000003","m":null,"s":null,"v":null,"w":null}}
{"keyspace":"ks","table":"t","raw":{"c":"00000002","k":"00000001","m":"000000020000000161000000040000000100000001620000000400000002","s":"00000003","v":"00000007","w":null},"writetime":{"s":12,"v":10},"ttl":{"v":50}}
{"keyspace":"nodur","table":"x","columns":[["k","partition_key","int"]],"rows":1}
{"keyspace":"nodur","table":"x","raw":{"k":"00000001"}}
"#;

/// The dump's second, 1100, is 50 after the last one that the records name.
const INFO: Info = Info { dump_seconds_max: 5, dump_after_seconds_max: 60, clocks_apart_seconds_max: 0 };

fn report(records: &str, dump: &str) -> Report {
    let mut tables = Tables::new();
    tables.apply_lines(records).unwrap();
    compare(&tables, dump, &INFO).unwrap()
}

/// Says whether the records are refused or give something else than the dump.
fn is_found(records: &str, dump: &str) -> bool {
    let mut tables = Tables::new();
    tables.apply_lines(records).is_err() || !compare(&tables, dump, &INFO).is_ok_and(|r| r.is_equal())
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.is_empty()).collect()
}

fn without(text: &str, at: usize) -> String {
    let mut kept = lines(text);
    kept.remove(at);
    kept.join("\n")
}

#[test]
fn equal_tables_are_reported_as_such() {
    let report = report(RECORDS, DUMP);
    assert!(report.is_equal(), "{report}");
    assert_eq!((report.tables, report.rows, report.cells), (2, 3, 14));
    assert_eq!((report.write_times, report.ttls), (2, 1));
    let moment = report.moment.unwrap();
    assert_eq!((moment.first, moment.last, moment.tables), (1100, 1100, 1));
    let exempt: Vec<_> =
        report.not_compared.iter().map(|table| (table.table.as_str(), table.reason.as_str())).collect();
    assert_eq!(exempt, [("ks.mv", "materialized view"), ("nodur.x", "durable_writes = false")]);
}

#[test]
fn a_lost_record_is_found() {
    // The keyspace's own record says nothing that the others do not; a row that expired or was deleted leaves no trace, nor does
    // the truncation of nothing.
    let traceless = [
        "\"name\":\"ks\"",
        "\"position\":10,",
        "\"position\":50,",
        "\"position\":55,",
        "\"position\":70,",
        "\"truncate\"",
    ];
    let mut found = 0;
    for (at, line) in lines(RECORDS).iter().enumerate() {
        let matters = !traceless.iter().any(|part| line.contains(part));
        assert_eq!(is_found(&without(RECORDS, at), DUMP), matters, "{line}");
        found += usize::from(matters);
    }
    assert_eq!(found, 13);
}

#[test]
fn a_changed_record_is_found() {
    for (old, new) in [
        ("\"value\":7,", "\"value\":8,"),
        ("\"path\":\"b\"", "\"path\":\"c\""),
        ("\"path\":\"b\",\"value\":2", "\"path\":\"b\",\"value\":3"),
        ("\"ts\":12,", "\"ts\":11,"),
        ("\"ts\":10,\"key\":{\"k\":1,\"c\":2}", "\"ts\":9,\"key\":{\"k\":1,\"c\":2}"),
        ("\"ts\":99,", "\"ts\":99,\"static\":true,"),
        ("\"k\":3,\"c\":5", "\"k\":3,\"c\":6"),
        ("\"k\":3,\"c\":5", "\"k\":4,\"c\":5"),
        ("\"position\":5}", "\"position\":90}"),
        ("\"segment\":1,\"position\":5}", "\"segment\":2,\"position\":5}"),
        ("\"values\":[6]", "\"values\":[7]"),
        ("\"values\":[6],\"inclusive\":true", "\"values\":[6],\"inclusive\":false"),
        ("\"end\":{\"values\":[6]", "\"start\":{\"values\":[5]"),
        ("c DESC", "c ASC"),
        ("\"ts\":13,\"key\":{\"k\":2,\"c\":null}", "\"ts\":12,\"key\":{\"k\":2,\"c\":null}"),
        ("\"count\":4", "\"count\":5"),
        ("\"id\":\"s2\"", "\"id\":\"s1\""),
        ("\"s2\",\"clock\":1", "\"s1\",\"clock\":2"),
        ("\"value\":7,\"ttl\":100,\"expires\":1150", "\"value\":7"),
        ("\"ttl\":10,\"expires\":1060},\"cells\"", "\"ttl\":10,\"expires\":1101},\"cells\""),
        ("\"value\":\"gone\",\"ttl\":10,\"expires\":1060", "\"value\":\"gone\""),
        ("v int, w text", "v int, w blob"),
        ("s int static", "s bigint static"),
        ("v int, ", "v int, extra int, "),
        ("nodur WITH durable_writes = false", "nodur WITH durable_writes = true"),
        ("\"object\":\"view\",\"name\":\"mv\"", "\"object\":\"view\",\"name\":\"mv2\""),
        ("\"cells\":{\"s\":{\"value\":3}}", "\"cells\":{\"s\":{\"value\":\"\"}}"),
    ] {
        assert!(RECORDS.contains(old), "{old}");
        assert!(is_found(&RECORDS.replacen(old, new, 1), DUMP), "{old} -> {new}");
    }
}

#[test]
fn a_changed_dump_is_found() {
    for (old, new) in [
        ("\"v\":\"00000007\"", "\"v\":\"00000006\""),
        ("\"v\":\"00000007\"", "\"v\":null"),
        ("\"v\":\"00000007\"", "\"v\":\"\""),
        ("\"w\":null},\"writetime\"", "\"w\":\"\"},\"writetime\""),
        ("\"s\":12,", "\"s\":13,"),
        ("\"s\":12,", ""),
        (",\"writetime\":{\"s\":12,\"v\":10}", ""),
        (",\"ttl\":{\"v\":50}", ""),
        ("\"s\":12,", "\"s\":12,\"w\":12,"),
        ("\"ttl\":{\"v\":50}", "\"ttl\":{\"v\":50,\"s\":1}"),
        ("\"ttl\":{\"v\":50}", "\"ttl\":{\"v\":149}"),
        ("0000000162", "0000000163"),
        ("\"n\":\"0000000000000003\"", "\"n\":\"0000000000000004\""),
        ("\"c\":\"00000005\"", "\"c\":\"00000004\""),
        ("\"regular\",\"text\"", "\"static\",\"text\""),
        ("\"map<text, int>\"", "\"frozen<map<text, int>>\""),
        (",[\"w\",\"regular\",\"text\"]", ""),
        (",\"w\":null},\"writetime\"", "},\"writetime\""),
    ] {
        assert!(DUMP.contains(old), "{old}");
        assert!(is_found(RECORDS, &DUMP.replacen(old, new, 1)), "{old} -> {new}");
    }
}

#[test]
fn a_row_too_few_or_too_many_is_found() {
    let fewer = without(&DUMP.replacen("\"rows\":2", "\"rows\":1", 1), 5);
    let found = report(RECORDS, &fewer);
    assert_eq!(found.differences.len(), 1, "{found}");
    assert_eq!(
        (found.differences[0].expected.as_str(), found.differences[0].found.as_str()),
        ("no row", "a row")
    );
    assert_eq!(found.differences[0].key, "k=00000003 c=00000005");
    let more = DUMP.replacen("\"rows\":2", "\"rows\":3", 1).replacen(
        "{\"keyspace\":\"nodur\"",
        "{\"keyspace\":\"ks\",\"table\":\"t\",\"raw\":{\"c\":\"00000001\",\"k\":\"00000001\",\"m\":null,\"s\":\"00000003\",\"v\":null,\"w\":null},\"writetime\":{\"s\":12}}\n{\"keyspace\":\"nodur\"",
        1,
    );
    let found = report(RECORDS, &more);
    assert_eq!(found.differences.len(), 1, "{found}");
    assert_eq!(
        (found.differences[0].expected.as_str(), found.differences[0].found.as_str()),
        ("a row", "no row")
    );
}

#[test]
fn a_row_that_stands_twice_in_the_dump_is_found() {
    let row = lines(DUMP)[5];
    let twice = DUMP.replacen("\"rows\":2", "\"rows\":3", 1).replacen(row, &format!("{row}\n{row}"), 1);
    assert!(!report(RECORDS, &twice).is_equal());
}

#[test]
fn a_table_that_is_missing_on_either_side_is_found() {
    let kept: Vec<_> = lines(DUMP).into_iter().filter(|line| !line.contains("\"table\":\"n\"")).collect();
    assert!(!report(RECORDS, &kept.join("\n")).is_equal());
    let other = format!("{DUMP}\n{{\"keyspace\":\"ks\",\"table\":\"z\",\"columns\":[],\"rows\":0}}");
    assert!(!report(RECORDS, &other).is_equal());
}

#[test]
fn a_dump_that_is_not_whole_is_refused() {
    let mut tables = Tables::new();
    tables.apply_lines(RECORDS).unwrap();
    assert!(compare(&tables, &without(DUMP, 5), &INFO).is_err());
    let failed = "{\"keyspace\":\"ks\",\"table\":\"t\",\"error\":\"timeout\"}";
    assert!(compare(&tables, failed, &INFO).is_err());
}

#[test]
fn remaining_ttls_of_one_table_must_tell_one_second() {
    let records = RECORDS.replacen(
        "\"row\":{},\"source\":{\"host_id\":\"a\",\"keyspace\":\"ks\",\"table\":\"t\",\"table_id\":\"id-t\",\"segment\":1,\"position\":90",
        "\"row\":{},\"cells\":{\"v\":{\"value\":1,\"ttl\":100,\"expires\":1150}},\"source\":{\"host_id\":\"a\",\"keyspace\":\"ks\",\"table\":\"t\",\"table_id\":\"id-t\",\"segment\":1,\"position\":90",
        1,
    );
    let dump = |ttl: i64| {
        DUMP.replacen(
            "\"k\":\"00000003\",\"m\":null,\"s\":null,\"v\":null,\"w\":null}",
            &format!("\"k\":\"00000003\",\"m\":null,\"s\":null,\"v\":\"00000001\",\"w\":null}},\"writetime\":{{\"v\":99}},\"ttl\":{{\"v\":{ttl}}}"),
            1,
        )
    };
    assert!(report(&records, &dump(50)).is_equal(), "{}", report(&records, &dump(50)));
    assert!(!report(&records, &dump(49)).is_equal());
}

#[test]
fn a_dump_at_an_impossible_second_is_found() {
    let mut tables = Tables::new();
    tables.apply_lines(RECORDS).unwrap();
    let soon = Info { dump_after_seconds_max: 49, ..INFO };
    assert!(!compare(&tables, DUMP, &soon).unwrap().is_equal());
    let before_the_last_write = DUMP.replacen("\"ttl\":{\"v\":50}", "\"ttl\":{\"v\":101}", 1);
    assert!(!compare(&tables, &before_the_last_write, &INFO).unwrap().is_equal());
}

#[test]
fn values_above_4_kib_are_compared_by_their_digest() {
    let records = |text: &str| {
        RECORDS.replacen(
            "\"m\":{\"elements\":[{\"path\":\"a\",\"value\":1}]}",
            &format!(
                "\"w\":{{\"value\":\"{text}\"}},\"m\":{{\"elements\":[{{\"path\":\"a\",\"value\":1}}]}}"
            ),
            1,
        )
    };
    // SHA-256 of 5000 times the letter a.
    let big =
        "{\"sha256\":\"c526c6222044dab5674de9c4ac7f4566ebb5e4d8bf9d8ea34c9cc8a7cc3c869c\",\"len\":5000}";
    let dump = DUMP
        .replacen("\"v\":\"00000007\",\"w\":null", &format!("\"v\":\"00000007\",\"w\":{big}"), 1)
        .replacen("\"s\":12,", "\"s\":12,\"w\":10,", 1);
    assert!(
        report(&records(&"a".repeat(5000)), &dump).is_equal(),
        "{}",
        report(&records(&"a".repeat(5000)), &dump)
    );
    assert!(!report(&records(&format!("{}b", "a".repeat(4999))), &dump).is_equal());
    assert!(!report(&records(&"a".repeat(5001)), &dump).is_equal());
}
