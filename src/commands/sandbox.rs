//! `buffalo sandbox`: the vendor's double, alone.

use std::net::{Ipv4Addr, SocketAddr};

use buffalo_connectors::sandbox::{Sandbox, SandboxOptions};

use crate::cli::SandboxArgs;
use crate::exit::Exit;
use crate::output::say;
use crate::shutdown;

pub(super) async fn run(args: SandboxArgs) -> anyhow::Result<Exit> {
    let defaults = SandboxOptions::default();
    let options = SandboxOptions {
        seed: args.seed,
        charges: args.charges,
        deals: args.deals,
        contacts: args.contacts,
        events: args.events,
        calendars: args.calendars,
        until_unix: args.until.unwrap_or(defaults.until_unix),
        span_days: args.span_days,
        api_key: args.api_key,
        rate_limit_per_sec: args.rate_limit,
        latency_ms: args.latency_ms,
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, args.port)),
        ..defaults
    };
    let sandbox = Sandbox::start(options)
        .await
        .map_err(|error| anyhow::anyhow!("the sandbox can't listen on port {}: {error}", args.port))?;
    let base = sandbox.base_url();
    say(format!("STRIPE_API_BASE={base}"))?;
    say(format!("HUBSPOT_API_BASE={base}"))?;
    say(format!("GCAL_API_BASE={base}/calendar/v3"))?;
    shutdown::on_signal().requested().await;
    sandbox.stop().await;
    Ok(Exit::Done)
}
