//! `hopwise-fred PORT USER PASSWORD`: plays script.jsonl through fred.

use std::process::ExitCode;

use fred::cmd;
use fred::prelude::*;
use serde_json::Value as Json;

const SCRIPT: &str = include_str!("../../script.jsonl");

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match play().await {
        Ok(count) => {
            println!("fred: {count} commands");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("fred: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn play() -> Result<usize, String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [port, user, password] = &arguments[..] else {
        return Err("write PORT USER PASSWORD".to_owned());
    };
    let config = Config {
        server: ServerConfig::new_centralized("127.0.0.1", port.parse().map_err(text)?),
        username: Some(user.clone()),
        password: Some(password.clone()),
        ..Config::default()
    };
    let client = Builder::from_config(config).build().map_err(text)?;
    client.init().await.map_err(text)?;
    for line in SCRIPT.lines() {
        let line: Json = serde_json::from_str(line).map_err(text)?;
        let words: Vec<String> = serde_json::from_value(line["send"].clone()).map_err(text)?;
        let reply: Result<Value, _> =
            client.custom(cmd!(words[0].clone()), words[1..].to_vec()).await;
        let is_right = match (&reply, line["error"].as_str()) {
            (Ok(reply), None) => fits(&line["reply"], reply),
            (Err(error), Some(expected)) => is_error(error, expected),
            _ => false,
        };
        if !is_right {
            return Err(format!("{}: {reply:?}", words.join(" ")));
        }
    }
    client.quit().await.map_err(text)?;
    Ok(SCRIPT.lines().count())
}

fn fits(expected: &Json, reply: &Value) -> bool {
    match expected {
        Json::String(any) if any == "*" => true,
        Json::String(text) => reply.as_str().as_deref() == Some(text),
        Json::Null => reply.is_null(),
        Json::Number(number) => reply.as_i64() == number.as_i64(),
        Json::Array(range) => {
            let (least, most) = (range[0].as_i64(), range[1].as_i64());
            reply.as_i64() >= least && reply.as_i64() <= most
        }
        Json::Object(object) => {
            let Some(list) = object["list"].as_array() else { return false };
            let replies = reply.clone().into_array();
            list.len() == replies.len() && list.iter().zip(&replies).all(|(a, b)| fits(a, b))
        }
        Json::Bool(_) => false,
    }
}

/// Whether `error` is the one that the server has sent. fred takes off the word at the start of some.
fn is_error(error: &Error, expected: &str) -> bool {
    let rest = expected.split_once(' ').map_or(expected, |(_, rest)| rest);
    [expected, rest].contains(&error.details())
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
