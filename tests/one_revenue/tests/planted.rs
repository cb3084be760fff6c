//! Second implementations of revenue, planted in a small tree: each has to be found, and what is no such thing has not.
#![expect(clippy::unwrap_used, reason = "a test that fails should say so at once")]

mod tree;

use buffalo_one_revenue::{Allowed, Kind};
use tree::Tree;

/// Statements, each with the line on which it does what it must not, and what that is.
const STATEMENTS: &[(usize, &str, &str)] = &[
    (1, "decides", "SELECT count(*) FROM payments WHERE status = 'COLLECTED'"),
    (2, "adds up", "SELECT\n    sum(amount_minor) FROM payments"),
    (
        3,
        "decides",
        "SELECT p.external_id\nFROM public.payments AS p\nWHERE p.status IN ('COLLECTED', 'REFUNDED')",
    ),
    (1, "decides", "SELECT external_id FROM payments WHERE $1 = status"),
    (1, "decides", "SELECT external_id FROM payments WHERE status = ANY ($1::text[])"),
    (1, "decides", "SELECT external_id FROM payments WHERE upper(status::text) LIKE 'COLL%'"),
    (1, "decides", "SELECT external_id FROM payments WHERE status IS DISTINCT FROM 'UNKNOWN'"),
    (1, "decides", "SELECT status, count(*) FROM payments GROUP BY status"),
    (1, "decides", "SELECT count(*) FILTER (WHERE status = 'DISPUTED') FROM payments"),
    (1, "decides", "SELECT CASE status WHEN 'REFUNDED' THEN 1 END FROM payments"),
    (1, "decides", "SELECT external_id FROM payments p WHERE to_json(p) ->> 'status' = $1"),
    (1, "decides", "DELETE FROM payments WHERE status = 'PENDING'"),
    (1, "decides", "UPDATE payments SET deleted_at = now() WHERE status = 'VOIDED'"),
    (1, "adds up", "SELECT avg(p.amount_minor) FROM \"payments\" p"),
    (1, "adds up", "SELECT amount_minor - uncaptured_minor FROM payments"),
    (1, "adds up", "SELECT max(amount_minor) FROM payments"),
    (
        1,
        "adds up",
        "SELECT first_value(amount_minor) OVER (PARTITION BY source ORDER BY occurred_at) FROM payments",
    ),
    (1, "adds up", "SELECT sum(amount_minor) FROM payment_history"),
    (1, "adds up", "SELECT gross FROM revenue_buckets WHERE bucket = $1"),
    (1, "adds up", "SELECT * FROM revenue_buckets"),
    (1, "adds up", "CREATE VIEW takings AS SELECT sum(amount_minor) FROM payments"),
    (1, "adds up", "INSERT INTO takings SELECT sum(amount_minor) FROM payments"),
    (1, "adds up", "SELECT sum(worth) FROM (SELECT amount_minor AS worth FROM payments) AS p"),
    (
        3,
        "decides",
        "WITH p AS (SELECT status AS what FROM payments)\nSELECT count(*)\nFROM p WHERE what = $1",
    ),
    (2, "adds up", "INSERT INTO takings OVERRIDING SYSTEM VALUE\nSELECT sum(amount_minor) FROM payments"),
    (2, "can't be read", "-- Not SQL that anybody knows.\nSELECT FROM payments WHERE )"),
    (
        1,
        "can't be read",
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM 1 FROM payments; END $$",
    ),
];

/// Statements that pass payments on, write them, or are about something else.
const HARMLESS: &[&str] = &[
    "-- SELECT sum(amount_minor) FROM payments WHERE status = 'COLLECTED'\nSELECT 1",
    "SELECT status, amount_minor, currency AS money FROM payments WHERE external_id = ANY ($1)",
    "SELECT count(*), max(occurred_at) FROM payments WHERE source = $1 AND amount_minor > 0",
    "INSERT INTO payments AS known (status, amount_minor) SELECT 'VOIDED', 0 FROM unnest($1::text[]) AS batch (id)
     ON CONFLICT (external_id) DO UPDATE SET status = excluded.status WHERE known.revision < excluded.revision",
    "UPDATE payments SET status = $1, amount_minor = $2 WHERE external_id = $3",
    "SELECT count(*) FROM runs WHERE status = 'FAILED'",
    "SELECT sum(r.records), r.status FROM runs r JOIN payments p ON p.source = r.source WHERE r.status = 'FAILED'
     GROUP BY r.status",
    "CREATE INDEX unmapped ON payments (source) WHERE status = 'UNKNOWN'",
    "CREATE TABLE payments (status text CHECK (status IN ('COLLECTED', 'REFUNDED')), amount_minor bigint)",
    "INSERT INTO raw_records (id) OVERRIDING SYSTEM VALUE SELECT raw_id FROM payments",
    "INSERT INTO revenue_changed (bucket) VALUES ($1)",
    "GRANT SOMETHING THAT NOBODY CAN PARSE",
];

/// Rust, each piece with a word of what has to be found in its second line.
const CODE: &[(&str, &str)] = &[
    ("decides", "fn f(p: &Payment) -> bool {\n p.status == PaymentStatus::Collected }"),
    ("decides", "fn f(p: &Payment) -> bool {\n PaymentStatus::Refunded != p.status }"),
    ("decides", "fn f(p: &Payment) -> i64 { match p.status {\n PaymentStatus::Collected => 1, _ => 0 } }"),
    ("decides", "fn f(p: &Payment) { if let\n buffalo_model::PaymentStatus::Disputed = p.status {} }"),
    (
        "decides",
        "fn f(p: &Payment) -> bool { matches!(p.status,\n PaymentStatus::Pending | PaymentStatus::Voided) }",
    ),
    ("decides", "fn f(p: &Payment) -> bool {\n [PaymentStatus::Collected].contains(&p.status) }"),
    ("decides", "fn f(p: &Payment) -> bool { p.status.eq(\n &PaymentStatus::Collected) }"),
    ("decides", "fn f(q: Query) -> Query { q.bind(\n PaymentStatus::Collected.as_str()) }"),
    ("decides", "use buffalo_model::PaymentStatus as S; fn f(s: S) -> bool {\n s == S::Collected }"),
    ("decides", "impl Money for PaymentStatus { fn f(&self) -> bool {\n *self == Self::Collected } }"),
    ("decides", "fn f(row: &Row) -> bool {\n row.status == \"COLLECTED\" }"),
    ("decides", "fn f(row: &Row) -> i64 { match row.status.as_str() {\n \"REFUNDED\" => 1, _ => 0 } }"),
    ("unknown statuses", "fn f(p: &Payment) -> bool {\n p.status == PaymentStatus::Unknown }"),
    ("can't be read", "\nuse buffalo_model::PaymentStatus::*;"),
    ("can't be read", "\nsome_macro! { PaymentStatus::Collected => it }"),
    ("adds up", "fn f(p: &[Payment]) -> i64 { p.iter().map(|p| p.amount_minor)\n.sum() }"),
    ("adds up", "fn f(p: &[Payment]) -> i64 { p.iter()\n.fold(0, |sum, p| add(sum, p.amount_minor)) }"),
    ("adds up", "fn f(p: &[Payment]) -> i64 {\n Iterator::sum(p.iter().map(|p| p.amount_minor)) }"),
    ("adds up", "fn f(p: &[Payment]) { let mut t = 0; for p in p { t +=\n i128::from(p.amount_minor); } }"),
    (
        "adds up",
        "fn f(p: &[Payment]) { for p in p { let worth = p.amount_minor as i128; total +=\n worth; } }",
    ),
    ("adds up", "fn f(p: Payment) { let Payment { amount_minor: worth, .. } = p; total +=\n worth; }"),
    ("adds up", "fn f(f: &Figures) -> i128 {\n f.collected - 1 }"),
    ("adds up", "fn f(f: &[Figures]) -> i128 { f.iter().map(|f| f.net())\n.sum() }"),
    ("adds up", "fn f(f: &Figures, t: i128) -> Option<i128> { t\n.checked_add(f.refunded) }"),
];

/// Rust that makes statuses, passes amounts on, or is about something else.
const HARMLESS_CODE: &[&str] = &[
    "/// SELECT sum(amount_minor) FROM payments WHERE status = 'COLLECTED'\nfn f() {}",
    "// p.status == PaymentStatus::Collected\nfn f() {}",
    "fn f() -> &'static str { \"The sum of payments that were collected: COLLECTED, REFUNDED.\" }",
    "fn f() -> &'static str { \"select from payments what you like\" }",
    "fn f(raw: &str) -> PaymentStatus { match raw { \"paid\" => PaymentStatus::Collected, _ => PaymentStatus::Unknown } }",
    "fn f(p: &mut Payment) { p.status = PaymentStatus::Voided; }",
    "fn f() -> Payment { Payment { status: PaymentStatus::Refunded, amount_minor: 1 } }",
    "fn f(s: Option<PaymentStatus>) -> PaymentStatus { s.unwrap_or(PaymentStatus::Unknown) }",
    "fn f(e: &Event) -> bool { e.status == EventStatus::Cancelled }",
    "fn f(f: &Figures) -> String { money(f.collected, USD) + &money(f.refunded, USD) }",
    "fn f(n: &[Run]) -> i64 { n.iter().map(|run| run.records).sum() }",
    "#[cfg(test)]\nmod tests { fn f(p: &Payment) -> bool { p.status == PaymentStatus::Collected } }",
    "#[cfg(test)]\nfn f(p: &[Payment]) -> i64 { p.iter().map(|p| p.amount_minor).sum() }",
];

#[test]
fn statements_in_files_are_found() {
    for (line, what, sql) in STATEMENTS {
        let tree = Tree::new().with("store/queries/planted.sql", sql);
        tree.assert_found(&format!("store/queries/planted.sql:{line}: "), what, sql);
    }
}

#[test]
fn statements_in_rust_are_found() {
    for (line, what, sql) in STATEMENTS {
        let line = line + 1;
        for (before, after) in [
            ("sqlx::query!(", ", day)"),
            ("sqlx::query_as!(Row, ", ")"),
            ("query_scalar!(", ", status as _)"),
            ("sqlx::query(", ")"),
            ("connection.execute(", ")"),
        ] {
            let code = format!("fn f() {{ let it =\n{before}r##\"{sql}\"##{after}; }}");
            let tree = Tree::new().with("src/planted.rs", &code);
            tree.assert_found(&format!("src/planted.rs:{line}: "), what, &code);
        }
    }
}

#[test]
fn statements_are_found_however_they_are_put_together() {
    let sql = "SELECT sum(amount_minor) FROM payments";
    for code in [
        format!("const SQL: &str = \"{sql}\";"),
        format!("fn f() {{ sqlx::query(AssertSqlSafe(format!(\"{sql} WHERE {{condition}}\"))); }}"),
        "fn f() { sqlx::query!(\"SELECT sum(amount_minor) \" + \"FROM payments\"); }".to_owned(),
        "const SQL: &str = concat!(\"SELECT sum(amount_minor)\", \" FROM payments\");".to_owned(),
        "fn f() { builder.push(\" AND status = 'COLLECTED'\"); }".to_owned(),
        "fn f() { let sql = format!(\"SELECT sum(amount_minor) FROM {table}\"); }".to_owned(),
        format!("some_macro! {{ run => \"{sql}\" }}"),
    ] {
        Tree::new().with("src/planted.rs", &code).assert_found("src/planted.rs:1: ", "", &code);
    }
}

#[test]
fn a_file_that_a_macro_names_is_found_by_the_file_s_own_name() {
    let tree = Tree::new()
        .with("jobs/Cargo.toml", "")
        .with("jobs/src/lib.rs", "fn f() { sqlx::query_file!(\"takings.txt\", day); }")
        .with("jobs/takings.txt", "SELECT 1;\nSELECT sum(amount_minor) FROM payments");
    tree.assert_found("jobs/takings.txt:2: ", "adds up", "takings.txt");
    let missing = Tree::new().with("src/planted.rs", "fn f() { query_file_as!(Row, \"no.sql\"); }");
    missing.assert_found("src/planted.rs:1: ", "can't be read", "no.sql");
}

#[test]
fn rust_is_found() {
    for (what, code) in CODE {
        Tree::new().with("jobs/src/planted.rs", code).assert_found("jobs/src/planted.rs:2: ", what, code);
    }
}

#[test]
fn nothing_else_is_found() {
    for sql in HARMLESS {
        let code = format!("fn f() {{ sqlx::query!(r#\"{sql}\"#); }}");
        for (path, text) in [("store/queries/harmless.sql", *sql), ("src/harmless.rs", &code)] {
            assert_eq!(Tree::new().with(path, text).complaints(&[]), [""; 0], "{text}");
        }
    }
    for code in HARMLESS_CODE {
        assert_eq!(Tree::new().with("src/harmless.rs", code).complaints(&[]), [""; 0], "{code}");
    }
}

#[test]
fn tests_may_compute_what_they_expect() {
    let sum = "fn f(p: &[Payment]) -> i64 { p.iter().map(|p| p.amount_minor).sum() }";
    let tree = Tree::new()
        .with("src/one.rs", "#[cfg(test)]\n#[path = \"one_tests.rs\"]\nmod tests;")
        .with("src/one_tests.rs", sum)
        .with("src/two.rs", "#[cfg(test)]\nmod tests;")
        .with("src/two/tests.rs", sum)
        .with("src/three/mod.rs", "#[cfg(test)]\nmod tests;")
        .with("src/three/tests/mod.rs", "mod below;")
        .with("src/three/tests/below.rs", sum)
        .with("tests/e2e/main.rs", sum)
        .with("bench/src/main.rs", sum);
    assert_eq!(tree.complaints(&[]), [""; 0]);
    // It is the declaration that makes a test, not the name.
    Tree::new().with("src/own_tests.rs", sum).assert_found("src/own_tests.rs:1: ", "adds up", "own_tests.rs");
}

#[test]
fn an_exception_is_for_its_place_and_deed_alone_and_has_to_be_used() {
    let sum = "SELECT sum(amount_minor) FROM payments";
    let both = format!("{sum} WHERE status = 'COLLECTED'");
    let allowed = [Allowed { path: "store/queries/*/", may: &[Kind::Sum], reason: "a test" }];
    let tree = |path: &str, sql: &str| Tree::new().with(path, sql).complaints(&allowed);
    assert_eq!(tree("store/queries/revenue/a.sql", sum), [""; 0]);
    assert!(tree("store/queries/revenue/a.sql", &both)[0].contains("decides by the status"));
    let elsewhere = tree("store/queries/a.sql", sum);
    assert!(elsewhere[0].starts_with("store/queries/a.sql:1: adds up"), "{elsewhere:?}");
    assert!(elsewhere[1].contains("`store/queries/*/`, excuses nothing"), "{elsewhere:?}");
}
