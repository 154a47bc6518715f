//! The line between one executor and the cluster port, on which reports of tasks get lost.
//!
//! It speaks gRPC to both sides: so it knows a report when it sees one, and can lose it at the moment
//! that a test wants.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::io;
use std::net::Shutdown;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use ballista_core::serde::protobuf::scheduler_grpc_server::SERVICE_NAME;
use tokio::net::{TcpListener, TcpStream};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{HeaderValue, Request, Response};
use tonic::codegen::{BoxFuture, Service};
use tonic::server::NamedService;
use tonic::transport::{Channel, Endpoint, Server};

/// Carries a report's number.
const REPORT_HEADER: &str = "lakegate-report";
/// A number that no report has: the scheduler takes one under it for a repeat.
const NUMBER_OF_NONE: &str = "0";

/// How long a late report is held back: longer than an executor waits before it sends one again.
const LATENESS: Duration = Duration::from_secs(1);

/// What becomes of a report when it is sent for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The connection breaks before the scheduler has heard it.
    RequestLost,
    /// The scheduler hears it, and the connection breaks before its answer is back.
    AnswerLost,
    /// It vanishes on a connection that stays: the executor waits for an answer that does not come.
    Silence,
    /// It vanishes, and the executor is told that it was heard.
    Forged,
    /// It arrives after a while.
    Late,
}

/// A line of one executor.
pub(crate) struct Proxy {
    /// What the executor takes for the cluster port.
    pub(crate) address: String,
    line: Arc<Line>,
}

struct Line {
    scheduler: Channel,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What happens to reports, and to how many more.
    fate: Option<Fate>,
    left: usize,
    seen: BTreeSet<u64>,
    afflicted: usize,
    /// Reports that the scheduler has heard, repeats among them.
    heard: Vec<u64>,
    sockets: Vec<std::net::TcpStream>,
}

impl Proxy {
    /// A line to the cluster port at `scheduler` on which nothing is lost.
    pub(crate) async fn start(scheduler: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let scheduler = Endpoint::from_shared(format!("http://{scheduler}")).unwrap();
        let line = Arc::new(Line { scheduler: scheduler.connect_lazy(), state: Mutex::default() });
        let accepting = Arc::clone(&line);
        let incoming = futures::stream::unfold(listener, move |listener| {
            let line = Arc::clone(&accepting);
            async move {
                let accepted = listener.accept().await;
                Some((accepted.and_then(|(socket, _)| line.keep(socket)), listener))
            }
        });
        let router = Server::builder()
            .add_service(Calls::<true>(Arc::clone(&line)))
            .add_service(Calls::<false>(Arc::clone(&line)));
        tokio::spawn(router.serve_with_incoming(incoming));
        Self { address, line }
    }

    /// Gives this fate to the next reports, `count` of them, each when it is sent for the first time.
    pub(crate) fn afflict(&self, count: usize, fate: Fate) {
        let mut state = self.line.state.lock().unwrap();
        (state.fate, state.left) = (Some(fate), count);
    }

    /// Lets all further reports through.
    pub(crate) fn heal(&self) {
        self.line.state.lock().unwrap().fate = None;
    }

    /// How many reports had another fate than to arrive.
    pub(crate) fn afflicted(&self) -> usize {
        self.line.state.lock().unwrap().afflicted
    }

    /// How many reports the scheduler has heard, each counted once.
    pub(crate) fn heard(&self) -> usize {
        self.line.state.lock().unwrap().heard.iter().collect::<BTreeSet<_>>().len()
    }

    /// How many reports the scheduler has heard again.
    pub(crate) fn heard_again(&self) -> usize {
        let heard = self.line.state.lock().unwrap().heard.len();
        heard - self.heard()
    }
}

impl Line {
    /// Keeps hold of a connection, to break it.
    fn keep(&self, socket: TcpStream) -> io::Result<TcpStream> {
        let socket = socket.into_std()?;
        self.state.lock().unwrap().sockets.push(socket.try_clone()?);
        TcpStream::from_std(socket)
    }

    fn break_connections(&self) {
        for socket in self.state.lock().unwrap().sockets.drain(..) {
            // The other side may have closed it.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// What happens to the report of this number, now that it is sent once more.
    fn fate_of(&self, number: u64) -> Option<Fate> {
        let mut state = self.state.lock().unwrap();
        let is_new = state.seen.insert(number);
        let fate = state.fate.filter(|_| is_new && state.left > 0)?;
        state.left -= 1;
        state.afflicted += 1;
        Some(fate)
    }

    async fn pass(&self, mut request: Request<Body>) -> Response<Body> {
        let Some(number) = report_number(&request) else { return self.ask(request).await };
        match self.fate_of(number) {
            None => self.report(number, request).await,
            Some(Fate::RequestLost) => {
                self.break_connections();
                pending().await
            }
            Some(Fate::AnswerLost) => {
                self.report(number, request).await;
                self.break_connections();
                pending().await
            }
            Some(Fate::Silence) => pending().await,
            Some(Fate::Forged) => {
                let none = HeaderValue::from_static(NUMBER_OF_NONE);
                request.headers_mut().insert(REPORT_HEADER, none);
                self.ask(request).await
            }
            Some(Fate::Late) => {
                tokio::time::sleep(LATENESS).await;
                self.report(number, request).await
            }
        }
    }

    async fn report(&self, number: u64, request: Request<Body>) -> Response<Body> {
        let answer = self.ask(request).await;
        self.state.lock().unwrap().heard.push(number);
        answer
    }

    /// The scheduler's answer.
    async fn ask(&self, request: Request<Body>) -> Response<Body> {
        let mut scheduler = self.scheduler.clone();
        let asked = async {
            poll_fn(|context| scheduler.poll_ready(context)).await?;
            scheduler.call(request).await
        };
        asked.await.unwrap_or_else(|error| Status::unavailable(error.to_string()).into_http())
    }
}

fn report_number(request: &Request<Body>) -> Option<u64> {
    request.headers().get(REPORT_HEADER)?.to_str().ok()?.parse().ok()
}

/// The calls of executors: those that Ballista defines, or those of our own.
#[derive(Clone)]
struct Calls<const OF_BALLISTA: bool>(Arc<Line>);

impl<const OF_BALLISTA: bool> NamedService for Calls<OF_BALLISTA> {
    const NAME: &'static str =
        if OF_BALLISTA { SERVICE_NAME } else { "lakegate.cluster.v1.Scheduler" };
}

impl<const OF_BALLISTA: bool> Service<Request<Body>> for Calls<OF_BALLISTA> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Response<Body>, Infallible>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let line = Arc::clone(&self.0);
        Box::pin(async move { Ok(line.pass(request).await) })
    }
}
