//! A proxy on loopback, for tests of lanes.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{copy_bidirectional, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A proxy that counts what goes through it: HTTP with absolute URLs, or SOCKS 5.
pub async fn start_proxy(socks: bool) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                if socks {
                    serve_socks(stream).await
                } else {
                    serve_http(stream).await
                }
            });
        }
    });
    (address, count)
}

/// An HTTP proxy that notes the path of the first request on each connection.
pub struct NotingProxy {
    address: SocketAddr,
    paths: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

impl NotingProxy {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let paths = Arc::<Mutex<Vec<String>>>::default();
        let noted = paths.clone();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let noted = noted.clone();
                tokio::spawn(async move {
                    let (_, path) = whither(&stream).await?;
                    noted.lock().unwrap().push(path);
                    serve_http(stream).await
                });
            }
        });
        Self {
            address,
            paths,
            serving,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn paths(&self) -> Vec<String> {
        self.paths.lock().unwrap().clone()
    }

    /// Nobody listens there any more.
    pub async fn die(self) {
        self.serving.abort();
        let _ = self.serving.await;
    }
}

/// Which host a request with an absolute URL is for, and which path there.
async fn whither(stream: &TcpStream) -> Option<(String, String)> {
    let mut head = vec![0; 4096];
    let length = stream.peek(&mut head).await.ok()?;
    let text = String::from_utf8_lossy(&head[..length]).into_owned();
    let url = text.split("://").nth(1)?.split(' ').next()?;
    let (host, path) = url.split_once('/')?;
    Some((host.to_owned(), format!("/{path}")))
}

async fn serve_http(mut stream: TcpStream) -> Option<()> {
    let (host, _) = whither(&stream).await?;
    let mut upstream = TcpStream::connect(host).await.ok()?;
    copy_bidirectional(&mut stream, &mut upstream).await.ok()?;
    Some(())
}

/// SOCKS 5 without authentication, as far as a name and a port (RFC 1928).
async fn serve_socks(mut stream: TcpStream) -> Option<()> {
    read_methods(&mut stream).await?;
    stream.write_all(&[5, 0]).await.ok()?;
    connect_on(stream).await
}

async fn read_methods(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut greeting = [0; 2];
    stream.read_exact(&mut greeting).await.ok()?;
    let mut methods = vec![0; usize::from(greeting[1])];
    stream.read_exact(&mut methods).await.ok()?;
    Some(methods)
}

/// A SOCKS 5 proxy that takes any name and password (RFC 1929), and tells those that it was given.
pub async fn start_naming_proxy() -> (SocketAddr, Arc<Mutex<Vec<Credentials>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let given = Arc::<Mutex<Vec<Credentials>>>::default();
    let told = given.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let told = told.clone();
            tokio::spawn(async move {
                let credentials = match read_methods(&mut stream).await?.contains(&2) {
                    true => Some(read_credentials(&mut stream).await?),
                    false => None,
                };
                if credentials.is_none() {
                    stream.write_all(&[5, 0]).await.ok()?;
                }
                told.lock().unwrap().push(credentials);
                connect_on(stream).await
            });
        }
    });
    (address, given)
}

/// Name and password; none: none were offered.
pub type Credentials = Option<(String, String)>;

async fn read_credentials(stream: &mut TcpStream) -> Option<(String, String)> {
    stream.write_all(&[5, 2]).await.ok()?;
    stream.read_u8().await.ok()?;
    let mut texts = Vec::new();
    for _ in 0..2 {
        let mut text = vec![0; usize::from(stream.read_u8().await.ok()?)];
        stream.read_exact(&mut text).await.ok()?;
        texts.push(String::from_utf8(text).ok()?);
    }
    stream.write_all(&[1, 0]).await.ok()?;
    let password = texts.pop()?;
    Some((texts.pop()?, password))
}

async fn connect_on(mut stream: TcpStream) -> Option<()> {
    let mut request = [0; 4];
    stream.read_exact(&mut request).await.ok()?;
    let host = match request[3] {
        1 => {
            let mut ip = [0; 4];
            stream.read_exact(&mut ip).await.ok()?;
            std::net::Ipv4Addr::from(ip).to_string()
        }
        3 => {
            let mut name = vec![0; usize::from(stream.read_u8().await.ok()?)];
            stream.read_exact(&mut name).await.ok()?;
            String::from_utf8(name).ok()?
        }
        _ => return None,
    };
    let port = stream.read_u16().await.ok()?;
    let mut upstream = TcpStream::connect((host, port)).await.ok()?;
    stream
        .write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
        .await
        .ok()?;
    copy_bidirectional(&mut stream, &mut upstream).await.ok()?;
    Some(())
}
