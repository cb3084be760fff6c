//! `render.yaml`: of the form that Render takes, and about this program.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::program::{assert_command, assert_settings, file, yaml};

fn blueprint() -> Value {
    yaml("render.yaml").remove(0)
}

fn problems(schema: &str, blueprint: &Value) -> Vec<String> {
    let schema: Value = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    validator.iter_errors(blueprint).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn the_blueprint_has_the_documented_form() {
    let schema = file("tests/deploy/render-blueprint.schema.json");
    assert_eq!(problems(&schema, &blueprint()), [""; 0]);
    // The schema is of use only if it refuses something.
    for (pointer, wrong) in [
        ("/services/0/runtime", json!("cobol")),
        ("/services/1/schedule", json!("every day")),
        ("/services/0/envVars/0", json!({"key": "DATABASE_URL", "fromDatabase": "buffalo-db"})),
        ("/databases/0/postgresMajorVersion", json!(17)),
    ] {
        let mut changed = blueprint();
        *changed.pointer_mut(pointer).unwrap() = wrong;
        assert_ne!(problems(&schema, &changed), [""; 0], "{pointer}");
    }
    let mut changed = blueprint();
    changed["services"][1]["healthCheckPath"] = json!("/healthz");
    assert_ne!(problems(&schema, &changed), [""; 0], "a cron job has no health check");
}

#[test]
fn what_the_blueprint_names_exists() {
    let blueprint = blueprint();
    let names = |list: &str| -> BTreeSet<String> {
        let list = blueprint[list].as_array().unwrap();
        let names: BTreeSet<_> = list.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect();
        assert_eq!(names.len(), list.len(), "a name comes twice");
        names
    };
    let (databases, groups) = (names("databases"), names("envVarGroups"));
    names("services");
    for service in blueprint["services"].as_array().unwrap() {
        for command in ["startCommand", "preDeployCommand"].iter().filter_map(|key| service[key].as_str()) {
            let words = command.strip_prefix("./target/release/buffalo ").unwrap();
            assert_command(&words.split(' ').collect::<Vec<_>>());
        }
        for variable in service["envVars"].as_array().unwrap() {
            if let Some(group) = variable["fromGroup"].as_str() {
                assert!(groups.contains(group), "{group}");
            } else {
                assert_settings(variable["key"].as_str());
            }
            if let Some(database) = variable["fromDatabase"]["name"].as_str() {
                assert!(databases.contains(database), "{database}");
            }
        }
    }
    for group in blueprint["envVarGroups"].as_array().unwrap() {
        assert_settings(
            group["envVars"].as_array().unwrap().iter().filter_map(|variable| variable["key"].as_str()),
        );
    }
}

#[test]
fn each_service_has_the_variables_that_it_needs() {
    let blueprint = blueprint();
    for service in blueprint["services"].as_array().unwrap() {
        let variables = service["envVars"].as_array().unwrap();
        let has = |name: &str| variables.iter().any(|variable| variable["key"] == name);
        assert!(has("DATABASE_URL"), "{service}");
        let command = service["startCommand"].as_str().unwrap();
        assert_eq!(command.ends_with(" serve"), has("API_KEY") && has("ADMIN_API_KEY"), "{service}");
        let asks_vendors = command.ends_with(" fetch") || command.ends_with(" reconcile");
        assert_eq!(asks_vendors, has("STRIPE_API_KEY"), "{service}");
    }
    assert_eq!(blueprint["services"][0]["healthCheckPath"], "/healthz");
}
