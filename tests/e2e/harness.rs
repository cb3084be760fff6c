//! A sandbox, a database, and the binary between them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use buffalo_connectors::sandbox::{Sandbox, SandboxOptions};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::database::TestDatabase;

/// The time at which the generated history of every test ends, in Unix seconds: 2026-11-01T00:00:00Z.
pub const UNTIL: i64 = 1_793_491_200;

/// Shorter texts are found anywhere.
const SHORTEST_SECRET: usize = 10;

/// Everything a test of the program needs.
pub struct World {
    pub database: TestDatabase,
    pub sandbox: Sandbox,
    http: reqwest::Client,
    variables: BTreeMap<&'static str, String>,
    /// An empty directory, so that no `.env` of the developer is read.
    directory: tempfile::TempDir,
}

/// What a command came to.
#[derive(Debug)]
pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The only run of a `fetch` or `process` in JSON.
    pub fn run(&self) -> Value {
        self.json()["runs"][0].clone()
    }

    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl World {
    /// An account with that many generated charges.
    pub async fn with_charges(charges: u64) -> Self {
        Self::on(TestDatabase::create().await, charges).await
    }

    /// The same on a database of the caller's.
    pub async fn on(database: TestDatabase, charges: u64) -> Self {
        Self::of(database, SandboxOptions { charges, ..SandboxOptions::default() }).await
    }

    /// A HubSpot account, and no other source.
    pub async fn with_hubspot(deals: u64, contacts: u64) -> Self {
        let options = SandboxOptions { charges: 0, deals, contacts, ..SandboxOptions::default() };
        let mut world = Self::of(TestDatabase::create().await, options).await;
        world.unset("STRIPE_API_KEY");
        world.set("HUBSPOT_API_BASE", world.sandbox.base_url());
        world.set("HUBSPOT_ACCESS_TOKEN", "pat-na1-sandbox");
        world.set("HUBSPOT_RATE_LIMIT_PER_SEC", "0");
        world.set("HUBSPOT_SEARCH_RATE_LIMIT_PER_SEC", "0");
        world
    }

    /// A Google account, and no other source.
    pub async fn with_calendars(events: u64, calendars: u32) -> Self {
        let options = SandboxOptions { charges: 0, events, calendars, ..SandboxOptions::default() };
        let mut world = Self::of(TestDatabase::create().await, options).await;
        let ids: Vec<_> = (0..calendars)
            .map(|n| if n == 0 { "primary".to_owned() } else { format!("team-{n}@example.com") })
            .collect();
        world.unset("STRIPE_API_KEY");
        world.set("GCAL_API_BASE", format!("{}/calendar/v3", world.sandbox.base_url()));
        world.set("GOOGLE_ACCESS_TOKEN", "ya29.sandbox");
        world.set("GOOGLE_CALENDAR_ID", ids.join(","));
        world.set("GCAL_RATE_LIMIT_PER_SEC", "0");
        world
    }

    async fn of(database: TestDatabase, options: SandboxOptions) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sandbox = Sandbox::start(SandboxOptions { until_unix: UNTIL, ..options }).await.unwrap();
        let variables = BTreeMap::from([
            ("DATABASE_URL", database.tcp_url.clone()),
            ("STRIPE_API_BASE", sandbox.base_url()),
            ("STRIPE_API_KEY", "sk_test_sandbox".to_owned()),
            ("STRIPE_RATE_LIMIT_PER_SEC", "0".to_owned()),
            ("BACKOFF_BASE_MS", "2".to_owned()),
        ]);
        let directory = tempfile::tempdir().unwrap();
        Self { database, sandbox, http: reqwest::Client::new(), variables, directory }
    }

    /// Sets a variable for all commands that follow.
    pub fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.variables.insert(name, value.into());
    }

    /// Sets a variable where the test has not.
    pub fn set_if_unset(&mut self, name: &'static str, value: impl Into<String>) {
        self.variables.entry(name).or_insert_with(|| value.into());
    }

    /// Takes a variable away.
    pub fn unset(&mut self, name: &'static str) {
        self.variables.remove(name);
    }

    /// The binary with these arguments, not yet started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_buffalo"));
        command
            .args(arguments)
            .env_clear()
            .envs(std::env::vars().filter(|(name, _)| matches!(name.as_str(), "PATH" | "HOME" | "TMPDIR")))
            .envs(&self.variables)
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Starts the binary.
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().unwrap()
    }

    /// Starts the binary as a server, whose log goes to a file: nobody reads it before its end.
    pub fn start_server(&self, command: &str) -> Child {
        let log = std::fs::File::options().create(true).append(true).open(self.server_log()).unwrap();
        self.command(&[command]).stderr(log).spawn().unwrap()
    }

    fn server_log(&self) -> PathBuf {
        self.directory.path().join("server.log")
    }

    /// What servers have logged so far.
    pub fn served(&self) -> String {
        std::fs::read_to_string(self.server_log()).unwrap_or_default()
    }

    /// Runs the binary to its end.
    pub async fn buffalo(&self, arguments: &[&str]) -> Outcome {
        let outcome = Outcome::from(self.command(arguments).output().await.unwrap());
        self.assert_nothing_secret(&outcome.stdout);
        self.assert_nothing_secret(&outcome.stderr);
        outcome
    }

    /// Nothing that was given as a secret may be printed or logged, whatever the test is about.
    fn assert_nothing_secret(&self, text: &str) {
        let secret =
            |name: &str| ["_KEY", "_TOKEN", "_SECRET", "_WEBHOOK_URL"].iter().any(|end| name.ends_with(end));
        for (name, values) in self.variables.iter().filter(|(name, _)| secret(name)) {
            // Several keys are one list, in which each has a label before a colon.
            for value in values.split([',', ':']).filter(|value| value.len() >= SHORTEST_SECRET) {
                assert!(!text.contains(value), "{name} is told in {text}");
            }
        }
    }

    /// Forgets all faults that were ordered.
    pub async fn clear_faults(&self) {
        let url = format!("{}/_sandbox/faults", self.sandbox.base_url());
        self.http.delete(url).send().await.unwrap().error_for_status().unwrap();
    }

    /// What a command prints as JSON.
    pub async fn buffalo_json(&self, arguments: &[&str]) -> Value {
        self.buffalo(&[arguments, &["--format", "json"]].concat()).await.expect(0).json()
    }

    /// `fetch` in JSON.
    pub async fn fetch(&self) -> Outcome {
        self.buffalo(&["fetch", "--format", "json"]).await
    }

    /// `process` in JSON.
    pub async fn process(&self) -> Outcome {
        self.buffalo(&["process", "--format", "json"]).await
    }

    /// Fetches and processes; both must succeed.
    pub async fn sync(&self) -> Value {
        let run = self.fetch().await.expect(0).run();
        self.process().await.expect(0);
        run
    }

    /// Tells the sandbox to do something; answers with what it answered.
    pub async fn tell(&self, path: &str, body: Value) -> Value {
        let url = format!("{}/_sandbox/{path}", self.sandbox.base_url());
        let text = serde_json::to_string(&body).unwrap();
        let response = self.http.post(url).header("content-type", "application/json").body(text);
        let response = response.send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Asks the sandbox something.
    pub async fn ask(&self, path: &str) -> Value {
        let url = format!("{}/_sandbox/{path}", self.sandbox.base_url());
        serde_json::from_str(&self.http.get(url).send().await.unwrap().text().await.unwrap()).unwrap()
    }

    /// A charge, created now by the sandbox's clock.
    pub async fn charge(&self, body: Value) -> String {
        self.tell("charges", body).await["id"].as_str().unwrap().to_owned()
    }

    /// Moves the sandbox's clock.
    pub async fn set_clock(&self, offset_s: i64) {
        self.tell("clock", json!({ "offset_s": offset_s })).await;
    }

    /// Requests made of the sandbox so far.
    pub async fn requests(&self) -> i64 {
        self.ask("requests").await["total"].as_i64().unwrap()
    }

    /// Waits until `condition` holds; fails after a minute.
    pub async fn until(&self, what: &str, condition: impl AsyncFn() -> bool) {
        for _ in 0..6_000 {
            if condition().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("waited a minute until {what}");
    }

    /// Everything the sandbox holds is stored once, in its latest state, and the figures are the sandbox's own.
    pub async fn assert_complete(&self) {
        let mut expected = BTreeMap::new();
        for kind in ["charges", "refunds", "disputes"] {
            for object in self.ask(&format!("objects?kind={kind}")).await.as_array().unwrap() {
                let amount = match (kind, object["status"].as_str(), object["captured"].as_bool()) {
                    ("charges", Some("succeeded"), Some(true)) => &object["amount_captured"],
                    _ => &object["amount"],
                };
                let state = (object["status"].as_str().unwrap().to_owned(), amount.as_i64().unwrap());
                expected.insert(object["id"].as_str().unwrap().to_owned(), state);
            }
        }
        let stored: Vec<(String, String, i64)> =
            sqlx::query_as("SELECT external_id, raw_status, amount_minor FROM payments")
                .fetch_all(&self.database.pool)
                .await
                .unwrap();
        let stored: BTreeMap<_, _> =
            stored.into_iter().map(|(id, status, amount)| (id, (status, amount))).collect();
        assert_eq!(stored.len(), expected.len(), "payments against objects of the sandbox");
        for (id, state) in &expected {
            assert_eq!(stored.get(id), Some(state), "{id}");
        }
        self.assert_traceable().await;
        self.assert_revenue().await;
    }

    /// Every payment leads to the raw record it was made of, which is the newest one of its record.
    async fn assert_traceable(&self) {
        let lost = "SELECT count(*) FROM payments p LEFT JOIN raw_records r
                        ON r.id = p.raw_id AND r.external_id = p.external_id AND r.revision = p.revision
                    WHERE r.id IS NULL";
        assert_eq!(self.database.number(lost).await, 0, "payments without their raw record");
        let behind = "SELECT count(*) FROM payments p JOIN record_heads h USING (source, entity, external_id)
                      WHERE p.revision <> h.revision";
        assert_eq!(self.database.number(behind).await, 0, "payments that are not in their newest state");
        let repeated = "SELECT count(*) FROM (SELECT FROM raw_records
                        GROUP BY source, entity, external_id, revision HAVING count(*) > 1) r";
        assert_eq!(self.database.number(repeated).await, 0, "states that are stored twice");
        assert_eq!(
            self.database.number("SELECT count(*) FROM ingest_outbox").await,
            0,
            "rows left in the outbox"
        );
    }

    /// Revenue equals the sandbox's own sums, in every currency.
    pub async fn assert_revenue(&self) {
        let expected = self.ask("expected").await["currencies"].clone();
        for (code, sums) in expected.as_object().unwrap() {
            let code = code.to_uppercase();
            let revenue = self
                .buffalo(&["revenue", "summary", "--currency", &code, "--format", "json"])
                .await
                .expect(0)
                .json();
            assert_eq!(revenue["totalRevenueCents"], sums["gross"], "gross in {code}");
            assert_eq!(revenue["refundedCents"], sums["refunded"], "refunded in {code}");
            assert_eq!(revenue["disputedCents"], sums["disputed"], "disputed in {code}");
            assert_eq!(revenue["netRevenueCents"], sums["net"], "net in {code}");
            assert_eq!(revenue["count"], sums["collected_count"], "collected in {code}");
        }
    }

    /// Ends the sandbox and drops the database.
    pub async fn end(self) {
        self.assert_nothing_secret(&self.served());
        self.sandbox.stop().await;
        self.database.drop_it().await;
    }
}

/// Ends a process as `kill -9` does.
pub async fn kill(child: &mut Child) {
    child.start_kill().unwrap();
    child.wait().await.unwrap();
}

/// Asks a process to end, as a host does at a deploy.
pub fn terminate(child: &Child) {
    let id = i32::try_from(child.id().unwrap()).unwrap();
    let id = rustix::process::Pid::from_raw(id).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
}
