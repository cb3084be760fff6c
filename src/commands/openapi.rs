//! `buffalo openapi`: the document about the HTTP face, as `serve` gives it.

use crate::exit::Exit;
use crate::output::say_json;

pub(super) fn run() -> anyhow::Result<Exit> {
    say_json(&crate::server::document())?;
    Ok(Exit::Done)
}
