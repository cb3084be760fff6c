//! Postgres restarted under running work.

use buffalo_store::embedded::EmbeddedPostgres;

use crate::database::TestDatabase;
use crate::harness::{Outcome, World, terminate};

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_postgres_loses_nothing() {
    let directory = std::env::temp_dir().join(format!("buffalo-restart-{}", std::process::id()));
    let postgres = EmbeddedPostgres::start(&directory).await.unwrap();
    let mut world = World::on(TestDatabase::at(postgres.url()).await, 3_000).await;
    // Slow enough for the restart to come in the middle.
    world.set("STRIPE_RATE_LIMIT_PER_SEC", "15");
    world.set("OUTBOX_BATCH_SIZE", "20");
    let fetch = world.start(&["fetch", "--format", "json"]);
    let process = world.start(&["process", "--watch", "--format", "json"]);
    let processed = "SELECT count(*) FROM payments";
    world.until("some of it is processed", async || world.database.number(processed).await > 300).await;
    postgres.restart().await.unwrap();
    let fetched = Outcome::from(fetch.wait_with_output().await.unwrap()).expect(0);
    assert_eq!(fetched.run()["status"], "success", "{fetched:?}");
    terminate(&process);
    Outcome::from(process.wait_with_output().await.unwrap()).expect(0);
    world.process().await.expect(0);
    world.assert_complete().await;
    world.sandbox.stop().await;
    world.database.pool.close().await;
    postgres.stop().await.unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
}
