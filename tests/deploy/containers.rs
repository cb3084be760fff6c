//! The image and the composition: commands, settings, and what gets into the build.

use serde_json::json;

use crate::program::{assert_command, assert_settings, file, path, texts, yaml};

/// The instruction's lines, without its name.
fn instructions(name: &str) -> Vec<String> {
    let text = file("Dockerfile").replace("\\\n", " ");
    text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned)).collect()
}

#[test]
fn the_image_runs_the_program_as_nobody_and_asks_for_its_health() {
    assert_eq!(instructions("ENTRYPOINT"), [r#"["/usr/local/bin/buffalo"]"#]);
    let command: Vec<String> = serde_json::from_str(&instructions("CMD")[0]).unwrap();
    assert_command(&command.iter().map(String::as_str).collect::<Vec<_>>());
    let check = instructions("HEALTHCHECK").remove(0);
    let check: Vec<String> = serde_json::from_str(check.split_once(" CMD ").unwrap().1).unwrap();
    assert_eq!(check[0], "/usr/local/bin/buffalo");
    assert_command(&[&check[1]]);
    assert_eq!(instructions("USER"), ["65532:65532"]);
}

#[test]
fn the_build_gets_what_it_needs_and_no_secret() {
    let ignored = file(".dockerignore");
    let let_in: Vec<_> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    assert!(ignored.lines().any(|line| line == "*"), "everything else is left out");
    for name in &let_in {
        assert!(path(name).exists(), "{name}");
    }
    let manifest = file("Cargo.toml");
    let members = manifest.lines().find_map(|line| line.strip_prefix("members = ")).unwrap();
    let members: Vec<String> = serde_json::from_str(members).unwrap();
    for name in members.iter().map(String::as_str).chain(["src", "build.rs", "migrations", ".sqlx", ".cargo"])
    {
        assert!(let_in.contains(&name), "{name} is needed");
    }
    assert!(ignored.lines().any(|line| line == "**/.env"));
}

#[test]
fn the_image_is_built_with_the_oldest_toolchain_that_will_do() {
    let manifest = file("Cargo.toml");
    let version =
        manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
    assert!(instructions("FROM")[0].starts_with(&format!("rust:{version}-")), "{version}");
}

#[test]
fn the_composition_migrates_once_and_then_runs() {
    let services = yaml("compose.yaml").remove(0)["services"].take();
    for name in ["migrate", "run"] {
        let service = &services[name];
        assert_command(&texts(&service["command"]));
        assert_settings(service["environment"].as_object().unwrap().keys().map(String::as_str));
        assert_eq!(service["env_file"], ".env");
    }
    assert_eq!(services["migrate"]["depends_on"], json!({"postgres": {"condition": "service_healthy"}}));
    assert_eq!(
        services["run"]["depends_on"],
        json!({"migrate": {"condition": "service_completed_successfully"}})
    );
}
