//! TLS to Postgres: who is let through, and what the others are told.

use std::net::Ipv4Addr;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};

use buffalo_store::embedded::EmbeddedPostgres;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::database::TestDatabase;
use crate::harness::World;

/// A server that is reached by TLS alone, at an address of the loopback network of its own: its port is everybody's.
struct TlsServer {
    postgres: EmbeddedPostgres,
    directory: PathBuf,
    address: Ipv4Addr,
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

impl TlsServer {
    /// A server whose certificate is for `name`, or else for its address.
    async fn start(authority: &Authority, name: Option<&str>) -> Self {
        static STARTED: AtomicU8 = AtomicU8::new(1);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let [.., high, low] = std::process::id().to_be_bytes();
        let address = Ipv4Addr::new(127, high, low, number);
        let directory = std::env::temp_dir().join(format!("buffalo-tls-{}-{number}", std::process::id()));
        let postgres = EmbeddedPostgres::start(&directory).await.unwrap();
        let key = KeyPair::generate().unwrap();
        let name = name.map_or_else(|| address.to_string(), str::to_owned);
        let certificate = CertificateParams::new([name]).unwrap().signed_by(&key, authority).unwrap();
        let cluster = directory.join("postgres");
        give(&cluster, "server.crt", &certificate.pem());
        give(&cluster, "server.key", &key.serialize_pem());
        give(&cluster, "pg_hba.conf", "local all all trust\nhostssl all all 127.0.0.0/8 trust\n");
        let settings = sqlx::PgPool::connect(postgres.url()).await.unwrap();
        sqlx::query("ALTER SYSTEM SET ssl = on").execute(&settings).await.unwrap();
        let listen = format!("ALTER SYSTEM SET listen_addresses = '{address}'");
        sqlx::query(sqlx::AssertSqlSafe(listen)).execute(&settings).await.unwrap();
        settings.close().await;
        postgres.restart().await.unwrap();
        Self { postgres, directory, address }
    }

    fn url(&self, parameters: &str) -> String {
        format!("postgres://buffalo@{}:5432/buffalo?{parameters}", self.address)
    }

    async fn world(&self) -> World {
        World::on(TestDatabase::at(self.postgres.url()).await, 50).await
    }

    async fn end(self, world: World) {
        world.sandbox.stop().await;
        world.database.pool.close().await;
        self.postgres.stop().await.unwrap();
        std::fs::remove_dir_all(&self.directory).unwrap();
    }
}

/// Writes a file that is the server's own.
fn give(cluster: &Path, name: &str, content: &str) {
    let file = cluster.join(name);
    std::fs::write(&file, content).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    if rustix::process::geteuid().is_root() {
        chown(&file, Some(std::fs::metadata(cluster).unwrap().uid()), None).unwrap();
    }
}

/// The certificate of an authority in a file.
fn file_of(authority: &Authority) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), authority.pem()).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_checked_in_full_against_a_file_and_against_the_system() {
    let authority = authority("ours");
    let server = TlsServer::start(&authority, None).await;
    let mut world = server.world().await;
    let file = file_of(&authority);
    let path = file.path().display();

    world.set("DATABASE_URL", server.url(&format!("sslmode=verify-full&sslrootcert={path}")));
    world.sync().await;
    world.assert_complete().await;
    let encrypted = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                     WHERE application_name = 'buffalo' AND NOT ssl";
    assert_eq!(world.database.number(encrypted).await, 0);

    // What the system trusts is replaced by what this variable names.
    world.set("SSL_CERT_FILE", path.to_string());
    for parameters in ["sslmode=verify-full", "sslrootcert=system"] {
        world.set("DATABASE_URL", server.url(parameters));
        world.buffalo(&["runs"]).await.expect(0);
    }
    server.end(world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_proves_nothing_is_refused_with_a_way_out() {
    let (ours, others) = (authority("ours"), authority("others"));
    // What is renewed may have the same name.
    let namesake = authority("ours");
    let server = TlsServer::start(&ours, Some("db.example.com")).await;
    let mut world = server.world().await;
    let (known, unknown, renewed) = (file_of(&ours), file_of(&others), file_of(&namesake));
    let with =
        |mode: &str, file: &Path| server.url(&format!("sslmode={mode}&sslrootcert={}", file.display()));
    let cases = [
        (
            with("verify-full", known.path()),
            "a certificate for another name: use the name that is in the certificate",
        ),
        (with("verify-full", unknown.path()), "an authority that is not trusted here: add sslrootcert=FILE"),
        (with("verify-full", renewed.path()), "an authority that is not trusted here: add sslrootcert=FILE"),
        (with("verify-ca", unknown.path()), "an authority that is not trusted here: add sslrootcert=FILE"),
        (server.url("sslrootcert=system"), "an authority that is not trusted here: add sslrootcert=FILE"),
        (server.url("sslmode=require&sslrootcert=system"), "which needs sslmode=verify-full"),
        (with("verify-full", Path::new("/nowhere/ca.pem")), "names a file in sslrootcert that can't be read"),
    ];
    for (url, words) in cases {
        world.set("DATABASE_URL", url);
        for command in [&["fetch"][..], &["runs"]] {
            let outcome = world.buffalo(command).await.expect(1);
            assert!(outcome.stderr.contains(words), "{words}: {outcome:?}");
            assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
        }
    }
    world.set("DATABASE_URL", with("verify-ca", known.path()));
    world.buffalo(&["runs"]).await.expect(0);
    server.end(world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_named_as_such() {
    let authority = authority("ours");
    let server = TlsServer::start(&authority, None).await;
    let mut world = server.world().await;
    world.database.run("ALTER SYSTEM SET ssl = off").await;
    server.postgres.restart().await.unwrap();
    world.set("DATABASE_URL", server.url("sslmode=verify-full"));
    let outcome = world.buffalo(&["runs"]).await.expect(1);
    assert!(outcome.stderr.contains("offers no TLS, which DATABASE_URL asks for"), "{outcome:?}");
    server.end(world).await;
}
