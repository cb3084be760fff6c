//! The private server for real: these tests run the installed PostgreSQL, as root and as a plain user alike.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, getsid, kill_process};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

use super::locate::{SearchPlaces, choose};
use super::programs::Programs;
use super::server_user::ServerUser;
use super::{EmbeddedError, EmbeddedPostgres, percent_encoded};

/// A directory that the server's user can reach, wherever `TMPDIR` points.
fn data_dir() -> TempDir {
    tempfile::Builder::new().prefix("buffalo-test-").tempdir_in("/tmp").unwrap()
}

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

async fn setting(connection: &mut PgConnection, name: &str) -> String {
    sqlx::query_scalar("SELECT current_setting($1)").bind(name).fetch_one(connection).await.unwrap()
}

fn server_pid(data_dir: &Path) -> Pid {
    let text = fs::read_to_string(data_dir.join("postgres/postmaster.pid")).unwrap();
    Pid::from_raw(text.lines().next().unwrap().parse().unwrap()).unwrap()
}

fn is_running(data_dir: &Path) -> bool {
    data_dir.join("postgres/postmaster.pid").exists()
}

/// The programs as a start of the same directory would run them.
fn programs(data_dir: &Path) -> Programs {
    let user = ServerUser::for_database(&data_dir.join("postgres")).unwrap();
    let installation = choose(SearchPlaces::of_this_system().installations(), None, data_dir).unwrap();
    Programs { installation, user, log: data_dir.join("postgres.log") }
}

#[test]
fn url_parts_are_encoded() {
    assert_eq!(percent_encoded(b"/tmp/a b+c%/run-1_.~"), "%2Ftmp%2Fa%20b%2Bc%25%2Frun-1_.~");
}

#[tokio::test]
async fn a_fresh_directory_becomes_a_durable_server_without_a_port() {
    let dir = data_dir();
    let postgres = EmbeddedPostgres::start(dir.path()).await.unwrap();
    let mut connection = connect(postgres.url()).await;
    for (name, value) in [
        ("listen_addresses", ""),
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("server_encoding", "UTF8"),
        ("TimeZone", "UTC"),
        ("max_connections", "100"),
        ("data_checksums", "on"),
    ] {
        assert_eq!(setting(&mut connection, name).await, value, "{name}");
    }
    for (name, mode) in [("postgres", 0o700), ("run", 0o700), ("postgres.log", 0o600), ("lock", 0o600)] {
        let found = fs::metadata(dir.path().join(name)).unwrap().mode() & 0o777;
        assert_eq!(found, mode, "{name} has mode {found:o}");
    }
    connection.close().await.unwrap();
    postgres.stop().await.unwrap();
    assert!(!is_running(dir.path()));
}

#[tokio::test]
async fn data_survives_a_stop_and_a_restart() {
    let dir = data_dir();
    let postgres = EmbeddedPostgres::start(dir.path()).await.unwrap();
    let mut connection = connect(postgres.url()).await;
    sqlx::query("CREATE TABLE herd AS SELECT 7 AS size").execute(&mut connection).await.unwrap();
    sqlx::query("CREATE DATABASE \"other one\"").execute(&mut connection).await.unwrap();
    let first_pid = server_pid(dir.path());

    postgres.restart().await.unwrap();
    assert_ne!(server_pid(dir.path()), first_pid);
    assert!(sqlx::query("SELECT 1").execute(&mut connection).await.is_err(), "a restart ends connections");
    connect(postgres.url()).await;
    let mut other = connect(&postgres.url_for("other one")).await;
    let database: String =
        sqlx::query_scalar("SELECT current_database()").fetch_one(&mut other).await.unwrap();
    assert_eq!(database, "other one");
    postgres.stop().await.unwrap();

    let postgres = EmbeddedPostgres::start(dir.path()).await.unwrap();
    let mut connection = connect(postgres.url()).await;
    let size: i32 = sqlx::query_scalar("SELECT size FROM herd").fetch_one(&mut connection).await.unwrap();
    assert_eq!(size, 7);
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_dropped_database_is_created_again() {
    let dir = data_dir();
    let postgres = EmbeddedPostgres::start(dir.path()).await.unwrap();
    let mut maintenance = connect(&postgres.url_for("postgres")).await;
    sqlx::query("DROP DATABASE buffalo").execute(&mut maintenance).await.unwrap();
    postgres.restart().await.unwrap();
    connect(postgres.url()).await;
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_second_start_is_refused_and_leaves_the_first_alone() {
    let dir = data_dir();
    let postgres = EmbeddedPostgres::start(dir.path()).await.unwrap();
    let pid = server_pid(dir.path());
    let mut connection = connect(postgres.url()).await;

    let error = EmbeddedPostgres::start(dir.path()).await.unwrap_err();
    assert!(matches!(error, EmbeddedError::InUse { .. }), "{error}");
    assert_eq!(server_pid(dir.path()), pid);
    sqlx::query("SELECT 1").execute(&mut connection).await.unwrap();
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn an_orphaned_server_is_replaced() {
    let dir = data_dir();
    let path = dir.path().canonicalize().unwrap();
    EmbeddedPostgres::start(&path).await.unwrap().stop().await.unwrap();
    // A server without a process that holds the lock is what `kill -9` leaves behind.
    let (cluster, log) = (path.join("postgres"), path.join("postgres.log"));
    let args = [OsStr::new("start"), "-D".as_ref(), cluster.as_ref(), "-l".as_ref(), log.as_ref()];
    programs(&path).pg_ctl("pg_ctl start", args, Duration::from_secs(60)).unwrap();
    let orphan = server_pid(&path);

    let postgres = EmbeddedPostgres::start(&path).await.unwrap();
    assert_ne!(server_pid(&path), orphan);
    connect(postgres.url()).await;
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_killed_server_is_recovered_with_its_data() {
    let dir = data_dir();
    let postgres = EmbeddedPostgres::start(dir.path()).await.unwrap();
    let mut connection = connect(postgres.url()).await;
    sqlx::query("CREATE TABLE herd AS SELECT 7 AS size").execute(&mut connection).await.unwrap();
    kill_process(server_pid(dir.path()), Signal::KILL).unwrap();
    drop(postgres);
    assert!(is_running(dir.path()), "the killed server could not remove its process id");

    let postgres = EmbeddedPostgres::start(dir.path()).await.unwrap();
    let mut connection = connect(postgres.url()).await;
    let size: i32 = sqlx::query_scalar("SELECT size FROM herd").fetch_one(&mut connection).await.unwrap();
    assert_eq!(size, 7);
    kill_process(server_pid(dir.path()), Signal::KILL).unwrap();
    postgres.restart().await.unwrap();
    connect(postgres.url()).await;
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_process_id_given_to_another_program_does_not_block_the_start() {
    let dir = data_dir();
    EmbeddedPostgres::start(dir.path()).await.unwrap().stop().await.unwrap();
    let me = std::process::id();
    let text = format!("{me}\n{}/postgres\n1795233140\n5432\n", dir.path().display());
    fs::write(dir.path().join("postgres/postmaster.pid"), text).unwrap();
    fs::write(dir.path().join("run/.s.PGSQL.5432.lock"), format!("{me}\n")).unwrap();

    let postgres = EmbeddedPostgres::start(dir.path()).await.unwrap();
    connect(postgres.url()).await;
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn an_interrupted_creation_is_started_over() {
    let dir = data_dir();
    let unfinished = dir.path().join("postgres.new");
    fs::create_dir(&unfinished).unwrap();
    fs::write(unfinished.join("PG_VERSION"), "15\n").unwrap();
    fs::write(dir.path().join("lock"), "").unwrap();

    let postgres = EmbeddedPostgres::start(dir.path()).await.unwrap();
    assert!(!unfinished.exists());
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_long_path_moves_the_socket_elsewhere() {
    let dir = data_dir();
    let long = dir.path().join("d".repeat(60)).join("a name with spaces, and more");
    fs::create_dir_all(&long).unwrap();
    for part in [dir.path(), long.parent().unwrap()] {
        fs::set_permissions(part, fs::Permissions::from_mode(0o711)).unwrap();
    }
    let postgres = EmbeddedPostgres::start(&long).await.unwrap();
    let socket_dir = postgres.server.socket_dir().to_path_buf();
    assert!(!socket_dir.starts_with(dir.path()) && socket_dir.exists());
    postgres.restart().await.unwrap();
    connect(postgres.url()).await;
    postgres.stop().await.unwrap();
    assert!(!socket_dir.exists());
}

#[tokio::test]
async fn a_path_with_spaces_carries_the_socket() {
    let dir = data_dir();
    let spaced = dir.path().join("Application Support, etc");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o711)).unwrap();
    let postgres = EmbeddedPostgres::start(&spaced).await.unwrap();
    assert!(postgres.server.socket_dir().starts_with(spaced.canonicalize().unwrap()));
    connect(postgres.url()).await;
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn the_terminals_interrupt_does_not_reach_the_server() {
    let dir = data_dir();
    let postgres = EmbeddedPostgres::start(dir.path()).await.unwrap();
    let pid = server_pid(dir.path());
    // A terminal signals a process group of its own session. The server leads another one. (Our own session is not asked
    // for: inside a container its leader may be a process that has no number here.)
    assert_eq!(getsid(Some(pid)).unwrap(), pid);
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn dropping_stops_the_server() {
    let dir = data_dir();
    let postgres = EmbeddedPostgres::start(dir.path()).await.unwrap();
    assert!(is_running(dir.path()));
    drop(postgres);
    assert!(!is_running(dir.path()));
}

#[test]
fn a_start_that_nobody_waits_for_leaves_no_server() {
    let dir = data_dir();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::select! {
            biased;
            _ = EmbeddedPostgres::start(dir.path()) => panic!("the start cannot be done at its first poll"),
            () = std::future::ready(()) => {}
        }
    });
    drop(runtime);
    assert!(!is_running(dir.path()));
}

#[tokio::test]
async fn a_failing_start_quotes_the_log_and_releases_the_directory() {
    let dir = data_dir();
    EmbeddedPostgres::start(dir.path()).await.unwrap().stop().await.unwrap();
    let hba = dir.path().join("postgres/pg_hba.conf");
    let rules = fs::read_to_string(&hba).unwrap();
    fs::write(&hba, "nonsense\n").unwrap();
    let error = EmbeddedPostgres::start(dir.path()).await.unwrap_err().to_string();
    assert!(error.starts_with("pg_ctl start failed: ") && error.contains("pg_hba.conf"), "{error}");
    assert_eq!(error.lines().count(), 1);

    fs::write(&hba, rules).unwrap();
    EmbeddedPostgres::start(dir.path()).await.unwrap().stop().await.unwrap();
}

#[test]
fn as_root_the_programs_run_as_a_user_without_roots_groups() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let dir = data_dir();
    let programs = programs(dir.path());
    let ServerUser::Other { uid, gid, .. } = programs.user else { panic!("root must not run the server") };
    // An absolute path replaces the directory of the server's programs.
    let mut command = programs.command("/bin/sh");
    command.args(["-c", "id -u; id -G"]);
    let output = programs.run("id", command, None, Duration::from_secs(10)).unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{uid}\n{gid}\n"));
}
