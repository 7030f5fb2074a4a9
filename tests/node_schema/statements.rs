//! What is said to the node.

use std::fs;

/// Returns the statements that the fixtures of the schema's tests were made with: one keyspace of each kind of table.
pub(crate) fn of_set(version: &str, set: &str) -> Vec<String> {
    let path = format!("{}/tests/schema/{version}-{set}.cql", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let statements = text.split(";\n").map(str::trim).filter(|statement| !statement.is_empty());
    statements.map(str::to_owned).collect()
}

fn all(statements: &[&str]) -> Vec<String> {
    statements.iter().map(|statement| (*statement).to_owned()).collect()
}

/// What the sets lack: types in types, dropped columns and such that came back, options of every form.
pub(crate) fn more_tables(version: &str) -> Vec<String> {
    let mut statements = all(&[
        "CREATE TYPE ops.inner_type (n int, t frozen<tuple<text, list<int>>>)",
        r#"CREATE TYPE ops."Outer Type" (i frozen<inner_type>, m frozen<map<text, frozen<inner_type>>>)"#,
        r#"CREATE TABLE ops.nested (k int, c timeuuid, o "Outer Type", f frozen<"Outer Type">, s text static, gone text, back int,
           PRIMARY KEY ((k), c)) WITH CLUSTERING ORDER BY (c DESC) AND cdc = true AND comment = 'it''s'"#,
        "ALTER TABLE ops.nested DROP gone",
        "ALTER TABLE ops.nested DROP back",
        "ALTER TABLE ops.nested ADD back int",
        "ALTER TABLE ops.nested WITH default_time_to_live = 3600 AND speculative_retry = '50ms'",
        "ALTER TYPE ops.inner_type ADD later text",
        r#"CREATE INDEX "QuotedIndex" ON ops.nested (back)"#,
        "CREATE TABLE ops.dropped_later (k int PRIMARY KEY)",
        "DROP TABLE ops.dropped_later",
    ]);
    // 3.11 compiles functions with classes of the Java driver, which is not among its jars.
    if version != "3.11" {
        statements.extend(all(&[
            "CREATE FUNCTION ops.twice (x int) RETURNS NULL ON NULL INPUT RETURNS int LANGUAGE java AS 'return 2 * x;'",
        ]));
    }
    if matches!(version, "3.11" | "4.0" | "4.1") {
        statements.extend(all(&[
            "CREATE TABLE ops.cs_static (k text PRIMARY KEY, a int, b text) WITH COMPACT STORAGE AND cdc = true",
            "CREATE TABLE ops.cs_dense (k int, c int, v text, PRIMARY KEY (k, c)) WITH COMPACT STORAGE AND cdc = true",
        ]));
    }
    if version == "5.0" {
        statements.extend(all(&[
            "CREATE TABLE ops.vectors (k int PRIMARY KEY, a vector<float, 3>, b list<frozen<vector<text, 2>>>)
             WITH cdc = true",
        ]));
    }
    statements
}

/// Writes of every kind to the tables of before.
pub(crate) fn writes(version: &str) -> Vec<String> {
    let mut statements = all(&[
        "INSERT INTO ops.one (k, v, w, x) VALUES (1, 2, 'three', 0x04)",
        "UPDATE ops.one USING TTL 600 SET v = 3 WHERE k = 1",
        "DELETE w FROM ops.one WHERE k = 1",
        "DELETE FROM ops.one WHERE k = 1",
        "INSERT INTO ops.two (k, c, v) VALUES (1, 2, 3)",
        "DELETE FROM ops.two WHERE k = 1 AND c >= 2 AND c < 9",
        "INSERT INTO ops.col (k, c, l, s, m, fl, u, fu) VALUES (1, 1, [1, 2], {'a'}, {'k': 'v'}, [3],
         {x: 1, y: 2, lbl: 'l'}, {x: 3, y: 4, lbl: null})",
        "UPDATE ops.col SET l = l + [9], s = s - {'a'}, m['k'] = 'w', u.x = 7 WHERE k = 1 AND c = 1",
        "UPDATE ops.ev SET st = 's', st2 = 5 WHERE a = 1 AND b = 'b'",
        "INSERT INTO ops.ev (a, b, c1, c2, c3, v, m) VALUES (1, 'b', 2, 'c', 3, 4, {'x': 1})",
        "INSERT INTO ops.mvb (k, c, v, w) VALUES (1, 2, 3, 'w')",
        "INSERT INTO ops.idx (k, c, v, s) VALUES (1, 2, 'v', {1, 2})",
        "UPDATE ops.cnt SET n = n + 5 WHERE k = 1",
        "INSERT INTO ops.lwt (k, c, v) VALUES (1, 1, 1) IF NOT EXISTS",
        "INSERT INTO ops.nocdc (k, v, w) VALUES (1, 2, 'not captured')",
        r#"INSERT INTO "MixedCase"."CamelTab" ("Key Ä", "ck""quote", "Val 漢", "select", "x.y") VALUES (1, 'a', 'b', 2, {'z': 3})"#,
        "INSERT INTO ops.nested (k, c, o, f, back) VALUES (1, 50554d6e-29bb-11e5-b345-feff819cdc9f,
         {i: {n: 1, t: ('a', [1, 2]), later: 'l'}, m: {'k': {n: 2, t: null, later: null}}}, {i: {n: 3, t: null, later: 'x'}, m: null}, 5)",
        "UPDATE ops.nested SET s = 'static' WHERE k = 1",
        "DELETE o FROM ops.nested WHERE k = 1 AND c = 50554d6e-29bb-11e5-b345-feff819cdc9f",
        "DELETE FROM ops.nested WHERE k = 1",
        "INSERT INTO ty.pk_0 (k, v) VALUES ('key', 1)",
        "INSERT INTO ty.pk_4 (k, v) VALUES (1.50, 1)",
        "INSERT INTO ty.pk_11 (k, v) VALUES (50554d6e-29bb-11e5-b345-feff819cdc9f, 1)",
        "INSERT INTO ty.pk_13 (k, v) VALUES ([1, 2], 1)",
        "INSERT INTO ty.pk_14 (k, v) VALUES ((1, 'a'), 1)",
        "UPDATE ty.cnt SET c = c + 1, d = d - 2 WHERE pk = 1 AND ck = 'a'",
        "UPDATE ty.cnt SET sc = sc + 1 WHERE pk = 1",
        "BEGIN BATCH INSERT INTO ops.one (k, v) VALUES (7, 7); INSERT INTO ops.two (k, c, v) VALUES (7, 7, 7);
         INSERT INTO ops.nocdc (k, v) VALUES (7, 7) APPLY BATCH",
    ]);
    for row in 0..20 {
        statements.push(format!("INSERT INTO ops.dttl (k, c, v, s) VALUES ({row}, {row}, 'v', 's')"));
    }
    if matches!(version, "3.11" | "4.0" | "4.1") {
        statements.extend(all(&[
            "INSERT INTO ops.cs_static (k, a, b) VALUES ('k', 1, 'b')",
            "INSERT INTO ops.cs_dense (k, c, v) VALUES (1, 2, 'v')",
        ]));
    }
    if version == "5.0" {
        statements.extend(all(&[
            "INSERT INTO ops.vectors (k, a, b) VALUES (1, [1.5, 2, 3], [['a', 'b'], ['c', 'd']])",
            "INSERT INTO ops.sai (k, v, e) VALUES (1, 'v', [1, 2, 3, 4])",
        ]));
    }
    statements
}

/// Writes to the tables of the `ddl` set: after each of its statements those are carried out for which the columns are
/// there.
pub(crate) fn probes() -> Vec<String> {
    all(&[
        "INSERT INTO dd.t (k, c, a, b, d, s) VALUES (1, 1, 1, 'b', 1.5, 's')",
        "INSERT INTO dd.t (k, c, a, d) VALUES (1, 2, 3, 4)",
        "INSERT INTO dd.t (k, c, e, aa) VALUES (1, 3, 3, ['x', 'y'])",
        "INSERT INTO dd.t (k, c, a, b) VALUES (1, 4, 2, 'again')",
        "DELETE FROM dd.t WHERE k = 1 AND c > 2",
        "INSERT INTO dd.ren (k, c1, c2, v) VALUES (1, 2, 'c', 3)",
        "INSERT INTO dd.ren (k, c_one, c2, v) VALUES (1, 2, 'c', 4)",
        r#"INSERT INTO dd.ren (pk, c_one, "C Two", v) VALUES (1, 2, 'c', 5)"#,
        "INSERT INTO dd.udt (k, f, n, l) VALUES (1, {a: 1, b: 'b'}, {a: 1, b: 'b'}, [{a: 2, b: 'c'}])",
        "INSERT INTO dd.udt (k, f, n) VALUES (2, {a: 1, b: 'b', z: 3}, {a: 1, b: 'b', z: 3})",
        "INSERT INTO dd.udt (k, f, n) VALUES (3, {a: 1, bee: 'b', z: 3}, {a: 1, bee: 'b', z: 3})",
        "INSERT INTO dd.tog (k, v) VALUES (1, 'tog')",
        "INSERT INTO dd.off (k, v) VALUES (1, 'off')",
        "INSERT INTO dd.rec (k, c, v) VALUES (1, 'c', 1)",
        "INSERT INTO dd.rec (id, name, tags, v) VALUES (50554d6e-29bb-11e5-b345-feff819cdc9f, 'n', {1}, 'v')",
        "INSERT INTO dd2.x (k, v) VALUES ('k', 1)",
        "INSERT INTO dd2.y (k, c, v) VALUES ('k', 50554d6e-29bb-11e5-b345-feff819cdc9f, 1)",
    ])
}
