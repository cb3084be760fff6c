//! Receivers of notifications on loopback: an HTTP server that answers as it is told to, and a tiny mail server.
#![allow(unreachable_pub, reason = "test crates include this file")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request as it arrived; names of headers are in lower case.
#[derive(Debug, Clone)]
#[allow(dead_code, reason = "not every test crate looks at all of it")]
pub struct Received {
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

/// An HTTP server that gives out its answers one after the other, and the last one from then on. The status 0 is no answer
/// at all: the connection stays open, and nothing comes.
pub struct HttpSink {
    pub base: String,
    received: Arc<Mutex<Vec<Received>>>,
    accepting: JoinHandle<()>,
}

impl HttpSink {
    pub async fn answering(answers: &[(u16, &str)]) -> Self {
        let answers: Vec<_> = answers.iter().map(|(status, body)| (*status, (*body).to_owned())).collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::<Mutex<Vec<Received>>>::default();
        let kept = Arc::clone(&received);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (kept, answers) = (Arc::clone(&kept), answers.clone());
                tokio::spawn(async move { answer(stream, &kept, &answers).await });
            }
        });
        Self { base, received, accepting }
    }

    /// Everything that arrived so far.
    pub fn requests(&self) -> Vec<Received> {
        locked(&self.received).clone()
    }
}

impl Drop for HttpSink {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Answers one request and closes. None when the client went away.
async fn answer(stream: TcpStream, kept: &Mutex<Vec<Received>>, answers: &[(u16, String)]) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let (status, text) = {
        let mut kept = locked(kept);
        kept.push(Received { path, headers, body: String::from_utf8_lossy(&body).into_owned() });
        answers[(kept.len() - 1).min(answers.len() - 1)].clone()
    };
    if status == 0 {
        std::future::pending::<()>().await;
    }
    let length = text.len();
    let answer =
        format!("HTTP/1.1 {status} Told\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{text}");
    stream.write_all(answer.as_bytes()).await.ok()
}

/// A mail server without encryption that refuses the first mails and accepts those that follow.
pub struct SmtpSink {
    pub address: String,
    mails: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

impl SmtpSink {
    pub async fn refusing(mut refusals: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mails = Arc::<Mutex<Vec<String>>>::default();
        let kept = Arc::clone(&mails);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let refuse = refusals > 0;
                refusals = refusals.saturating_sub(1);
                let kept = Arc::clone(&kept);
                tokio::spawn(async move { converse(stream, refuse, &kept).await });
            }
        });
        Self { address, mails, accepting }
    }

    /// The mails that were accepted, headers included.
    pub fn mails(&self) -> Vec<String> {
        locked(&self.mails).clone()
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// One conversation to its end (RFC 5321, without extensions). A refusal comes after the content, as a full disk's does.
async fn converse(stream: TcpStream, refuse: bool, kept: &Mutex<Vec<String>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 sink\r\n").await.ok()?;
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let reply = match line.split([' ', '\r']).next()? {
            "EHLO" | "HELO" => "250 sink",
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await.ok()?;
                let mail = content(&mut stream).await?;
                if refuse {
                    "451 try again later"
                } else {
                    locked(kept).push(mail);
                    "250 accepted"
                }
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await.ok()?;
                return Some(());
            }
            _ => "250 ok",
        };
        stream.write_all(format!("{reply}\r\n").as_bytes()).await.ok()?;
    }
}

async fn content(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut mail = String::new();
    loop {
        let start = mail.len();
        stream.read_line(&mut mail).await.ok()?;
        if &mail[start..] == ".\r\n" {
            mail.truncate(start);
            return Some(mail);
        }
    }
}

fn locked<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
