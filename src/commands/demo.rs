//! `buffalo demo`: the whole of Buffalo on a private PostgreSQL and a sandbox, with nothing set up.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use buffalo_connectors::sandbox::{Sandbox, SandboxOptions};
use buffalo_connectors::{SOURCES, Settings};
use buffalo_jobs::{MassDelete, Process, ProcessOptions, Stop};
use buffalo_model::{Clock, Granularity, Mode, Revenue, Run, SystemClock};
use buffalo_store::embedded::{EmbeddedError, EmbeddedPostgres, default_data_dir};
use buffalo_store::{Sessions, Store, StoreOptions};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::fetch::{counting, exit, fetch_all};
use crate::cli::{DemoArgs, Format};
use crate::config::Config;
use crate::exit::{Exit, UsageError};
use crate::keys::Keys;
use crate::output::{complain, revenue_csv, say, say_json, say_revenue, say_runs};
use crate::question::RevenueParams;
use crate::{server, shutdown};

const DEFAULT_CHARGES: u64 = 10_000;

/// The sandbox account of a data directory: the same one at every start, so that a second start finds nothing new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Account {
    charges: u64,
    seed: u64,
    until_unix: i64,
}

pub(super) async fn run(args: &DemoArgs, config: Config) -> anyhow::Result<Exit> {
    let began = Instant::now();
    let mut stop = shutdown::on_signal();
    let data_dir = match &args.data_dir {
        Some(data_dir) => std::path::absolute(data_dir)?,
        None => default_data_dir().map_err(with_cause)?,
    };
    let bar = super::progress(format!("starting PostgreSQL in {}", data_dir.display()));
    let postgres = tokio::select! {
        started = EmbeddedPostgres::start(&data_dir) => started.map_err(with_cause)?,
        () = stop.requested() => return Ok(Exit::Failed),
    };
    bar.finish_and_clear();
    // From here on every way out stops the server.
    let shown = tokio::select! {
        shown = show(args, config, &postgres, &data_dir, began, &stop) => shown,
        () = ended_while_serving(stop.clone()) => Ok(Exit::Done),
    };
    postgres.stop().await?;
    shown
}

/// These errors name a file of the user's, and the system's word on it is what helps.
fn with_cause(error: EmbeddedError) -> anyhow::Error {
    anyhow::anyhow!("{:#}", anyhow::Error::from(error))
}

/// A run that is being fetched or processed hears of the wish to end itself; this is for everything that does not.
async fn ended_while_serving(mut stop: Stop) {
    stop.requested().await;
    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
}

async fn show(
    args: &DemoArgs,
    mut config: Config,
    postgres: &EmbeddedPostgres,
    data_dir: &Path,
    began: Instant,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let url = SecretString::from(postgres.url().to_owned());
    let store = Store::new(&StoreOptions { url, max_connections: 10, sessions: Sessions::Own })
        .map_err(|what| anyhow::anyhow!("the private PostgreSQL's address {what}"))?;
    store.migrate().await?;
    super::maintain::make_partitions(&store).await?;
    let account = account(data_dir, args.charges)?;
    let sandbox = Sandbox::start(SandboxOptions {
        charges: account.charges,
        deals: account.charges / 20,
        contacts: account.charges / 10,
        events: account.charges / 10,
        seed: account.seed,
        until_unix: account.until_unix,
        ..SandboxOptions::default()
    })
    .await?;
    config.sources = connect_to(&sandbox)?;
    config.store = Some(store.clone());

    let runs = fetch_and_process(&store, &config, stop).await?;
    let question = RevenueParams::default().question(Granularity::Monthly, &config);
    let question = question.map_err(|problems| super::usage(&problems))?;
    let revenue = store.revenue(question, &config.revenue_sources(), SystemClock.now()).await?;
    print(args, &runs, &revenue, began)?;
    let exit = exit(&runs, false);
    if args.once || stop.is_requested() {
        store.close().await;
        return Ok(exit);
    }
    complain(format!("psql '{}' looks into the database", postgres.url()));
    serve(args, config, data_dir, stop).await?;
    Ok(exit)
}

async fn fetch_and_process(store: &Store, config: &Config, stop: &Stop) -> anyhow::Result<Vec<Run>> {
    let mut runs =
        fetch_all(store, config, &config.sources, (Mode::Incremental, MassDelete::Proved), stop).await?;
    let bar = super::progress("processing".to_owned());
    let options =
        ProcessOptions { stop: stop.clone(), on_progress: counting(&bar), ..config.process_options() };
    let process = Process { store: store.clone(), clock: Arc::new(SystemClock), options };
    let processed = process.run().await;
    bar.finish_and_clear();
    runs.push(processed?);
    Ok(runs)
}

fn print(args: &DemoArgs, runs: &[Run], revenue: &Revenue, began: Instant) -> anyhow::Result<()> {
    let elapsed_ms = u64::try_from(began.elapsed().as_millis())?;
    match args.output.format {
        Format::Json => say_json(&json!({"runs": runs, "revenue": revenue, "elapsedMs": elapsed_ms})),
        Format::Csv => Ok(say(revenue_csv(revenue)?.trim_end())?),
        Format::Table => {
            say_runs(runs)?;
            say_revenue(revenue)?;
            Ok(say(format!("Ready after {elapsed_ms} ms."))?)
        }
    }
}

/// The account that the data directory was begun with.
fn account(data_dir: &Path, charges: Option<u64>) -> anyhow::Result<Account> {
    let file: PathBuf = data_dir.join("sandbox.json");
    if let Ok(text) = std::fs::read_to_string(&file) {
        let account: Account = serde_json::from_str(&text).map_err(|_| {
            anyhow::anyhow!("{} is damaged; remove the directory and start anew", file.display())
        })?;
        if charges.is_some_and(|charges| charges != account.charges) {
            let (kept, dir) = (account.charges, data_dir.display());
            let text =
                format!("--charges: {dir} holds an account of {kept} charges; name another --data-dir");
            return Err(UsageError(text).into());
        }
        return Ok(account);
    }
    let account = Account {
        charges: charges.unwrap_or(DEFAULT_CHARGES),
        seed: 1,
        until_unix: SystemClock.now().timestamp(),
    };
    std::fs::write(&file, serde_json::to_string(&account)?)
        .map_err(|error| anyhow::anyhow!("{} can't be written: {error}", file.display()))?;
    Ok(account)
}

/// Connectors that talk to the sandbox, whatever the environment says, as fast as it answers.
fn connect_to(sandbox: &Sandbox) -> anyhow::Result<Vec<Arc<dyn buffalo_connectors::Connector>>> {
    let (base, defaults) = (sandbox.base_url(), SandboxOptions::default());
    let values = [
        ("STRIPE_API_KEY", defaults.api_key),
        ("STRIPE_API_BASE", base.clone()),
        ("HUBSPOT_ACCESS_TOKEN", defaults.hubspot_token),
        ("HUBSPOT_API_BASE", base.clone()),
        ("HUBSPOT_SEARCH_RATE_LIMIT_PER_SEC", "0".to_owned()),
        ("GOOGLE_ACCESS_TOKEN", defaults.google_token),
        ("GCAL_API_BASE", format!("{base}/calendar/v3")),
        ("RATE_LIMIT_PER_SEC", "0".to_owned()),
    ];
    let mut settings = Settings::new(values.map(|(name, value)| (name.to_owned(), value)));
    let connectors = SOURCES.iter().filter_map(|source| (source.configure)(&mut settings)).collect();
    match settings.problems().first() {
        None => Ok(connectors),
        Some(problem) => Err(anyhow::anyhow!("{problem}")),
    }
}

/// Serves HTTP on loopback until stopped, with a key made for this demo where none is configured.
async fn serve(args: &DemoArgs, mut config: Config, data_dir: &Path, stop: &Stop) -> anyhow::Result<()> {
    config.http.host = std::net::Ipv4Addr::LOCALHOST.into();
    config.http.port = args.port;
    if config.http.keys.is_none() {
        let key_file = data_dir.join("api-key");
        let key = match std::fs::read_to_string(&key_file) {
            Ok(key) => key.trim().to_owned(),
            Err(_) => {
                let key = uuid::Uuid::new_v4().simple().to_string();
                write_private(&key_file, &key)?;
                key
            }
        };
        let key = Keys::parse(&SecretString::from(key));
        config.http.keys = Some(key.map_err(|what| anyhow::anyhow!("{} {what}", key_file.display()))?);
    }
    let listener = match server::listen(&config).await {
        Ok(listener) => listener,
        Err(_) => {
            config.http.port = 0;
            server::listen(&config).await?
        }
    };
    let address = listener.local_addr()?;
    complain(format!(
        "serving on http://{address}; try: curl -H \"X-Api-Key: $(cat '{}')\" http://{address}/metrics/revenue/monthly",
        data_dir.join("api-key").display()
    ));
    complain("Ctrl-C ends");
    server::serve(listener, config.into(), stop.clone()).await
}

fn write_private(file: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)?.write_all(text.as_bytes())?;
    Ok(())
}
