//! The Open Inference Protocol over gRPC, asked by tonic's client.

mod client;

use std::time::Duration;

use client::{Connection, classifier, start, texts};
use fenlei_serve::{Server, Token};
use hyper::http::uri::PathAndQuery;
use tokio::runtime::{Builder, Runtime};
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

/// The messages once more, by the protocol's description and not by the server's source.
mod inference {
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Empty {}
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Flag {
        #[prost(bool, tag = "1")]
        pub is: bool,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Named {
        #[prost(string, tag = "1")]
        pub name: String,
        #[prost(string, tag = "2")]
        pub version: String,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct ServerMetadata {
        #[prost(string, tag = "1")]
        pub name: String,
        #[prost(string, tag = "2")]
        pub version: String,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Tensor {
        #[prost(string, tag = "1")]
        pub name: String,
        #[prost(string, tag = "2")]
        pub datatype: String,
        #[prost(int64, repeated, tag = "3")]
        pub shape: Vec<i64>,
        #[prost(message, optional, tag = "5")]
        pub contents: Option<Contents>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Contents {
        #[prost(float, repeated, tag = "6")]
        pub fp32: Vec<f32>,
        #[prost(bytes = "vec", repeated, tag = "8")]
        pub bytes: Vec<Vec<u8>>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct ModelMetadata {
        #[prost(string, tag = "1")]
        pub name: String,
        #[prost(string, repeated, tag = "2")]
        pub versions: Vec<String>,
        #[prost(string, tag = "3")]
        pub platform: String,
        #[prost(message, repeated, tag = "4")]
        pub inputs: Vec<Tensor>,
        #[prost(message, repeated, tag = "5")]
        pub outputs: Vec<Tensor>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Wanted {
        #[prost(string, tag = "1")]
        pub name: String,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Infer {
        #[prost(string, tag = "1")]
        pub model_name: String,
        #[prost(string, tag = "2")]
        pub model_version: String,
        #[prost(string, tag = "3")]
        pub id: String,
        #[prost(message, repeated, tag = "5")]
        pub inputs: Vec<Tensor>,
        #[prost(message, repeated, tag = "6")]
        pub outputs: Vec<Wanted>,
        #[prost(bytes = "vec", repeated, tag = "7")]
        pub raw: Vec<Vec<u8>>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Inferred {
        #[prost(string, tag = "1")]
        pub model_name: String,
        #[prost(string, tag = "2")]
        pub model_version: String,
        #[prost(string, tag = "3")]
        pub id: String,
        #[prost(message, repeated, tag = "5")]
        pub outputs: Vec<Tensor>,
        #[prost(bytes = "vec", repeated, tag = "6")]
        pub raw: Vec<Vec<u8>>,
    }
}

use inference::{Contents, Empty, Flag, Infer, Inferred, ModelMetadata, Named, ServerMetadata, Tensor, Wanted};

struct Client {
    runtime: Runtime,
    grpc: Grpc<Channel>,
}

impl Client {
    fn to(server: &Server) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let endpoint = Endpoint::from_shared(format!("http://{}", server.address())).unwrap();
        let channel = runtime.block_on(endpoint.connect()).unwrap();
        Self { runtime, grpc: Grpc::new(channel) }
    }

    fn ask<Q, A>(&mut self, method: &str, request: Request<Q>) -> Result<A, Status>
    where
        Q: prost::Message + Send + Sync + 'static,
        A: prost::Message + Default + Send + Sync + 'static,
    {
        let path: PathAndQuery = format!("/inference.GRPCInferenceService/{method}").parse().unwrap();
        let grpc = &mut self.grpc;
        self.runtime.block_on(async {
            grpc.ready().await.unwrap();
            grpc.unary(request, path, ProstCodec::default()).await.map(tonic::Response::into_inner)
        })
    }

    fn infer(&mut self, request: Infer) -> Result<Inferred, Status> {
        self.ask("ModelInfer", Request::new(request))
    }
}

fn typed(texts: &[String]) -> Infer {
    let contents = Some(Contents { fp32: vec![], bytes: texts.iter().map(|text| text.clone().into_bytes()).collect() });
    let shape = vec![texts.len() as i64];
    let input = Tensor { name: "text".into(), datatype: "BYTES".into(), shape, contents };
    Infer { model_name: "m".into(), id: "7".into(), inputs: vec![input], ..Infer::default() }
}

fn raw(texts: &[String]) -> Infer {
    let mut request = typed(texts);
    request.inputs[0].contents = None;
    request.raw = vec![
        texts.iter().flat_map(|text| [&(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()).collect(),
    ];
    request
}

#[test]
fn the_service_tells_about_itself_and_its_models() {
    let server = start(|_| {});
    let mut client = Client::to(&server);
    assert!(client.ask::<_, Flag>("ServerLive", Request::new(Empty {})).unwrap().is);
    assert!(client.ask::<_, Flag>("ServerReady", Request::new(Empty {})).unwrap().is);
    let metadata: ServerMetadata = client.ask("ServerMetadata", Request::new(Empty {})).unwrap();
    assert_eq!((metadata.name.as_str(), metadata.version.as_str()), ("fenlei", env!("CARGO_PKG_VERSION")));
    let named = |name: &str, version: &str| Request::new(Named { name: name.into(), version: version.into() });
    for (name, version, is) in [("m", "", true), ("m", "1", true), ("m", "2", false), ("x", "", false)] {
        assert_eq!(client.ask::<_, Flag>("ModelReady", named(name, version)).unwrap().is, is, "{name} {version}");
    }
    let metadata: ModelMetadata = client.ask("ModelMetadata", named("m", "")).unwrap();
    let n_labels = classifier("classical-v1.fenlei").labels().len() as i64;
    assert_eq!((metadata.versions, metadata.platform.as_str()), (vec!["1".to_owned()], "fenlei"));
    assert_eq!((metadata.inputs[0].datatype.as_str(), &metadata.inputs[0].shape[..]), ("BYTES", &[-1][..]));
    assert_eq!(
        (metadata.outputs[2].name.as_str(), &metadata.outputs[2].shape[..]),
        ("probabilities", &[-1, n_labels][..])
    );
}

#[test]
fn predictions_are_those_of_the_library_typed_and_raw() {
    let server = start(|_| {});
    let mut client = Client::to(&server);
    let classifier = classifier("classical-v1.fenlei");
    let texts = texts(20);
    let expected = classifier.predict_batch(&texts);
    let answer = client.infer(typed(&texts)).unwrap();
    assert_eq!((answer.model_name.as_str(), answer.model_version.as_str(), answer.id.as_str()), ("m", "1", "7"));
    let names: Vec<&str> = answer.outputs.iter().map(|output| output.name.as_str()).collect();
    assert_eq!(names, ["label", "score", "probabilities"]);
    let contents = |i: usize| answer.outputs[i].contents.clone().unwrap();
    assert_eq!(contents(2).fp32, expected.probabilities());
    let best = |i: usize| expected.ranked(i)[0];
    let labels: Vec<Vec<u8>> = (0..20).map(|i| classifier.labels()[best(i).0].clone().into_bytes()).collect();
    assert_eq!(contents(0).bytes, labels);
    assert_eq!(contents(1).fp32, (0..20).map(|i| best(i).1).collect::<Vec<_>>());

    let wanted = |name: &str| Wanted { name: name.into() };
    let request = Infer { outputs: vec![wanted("probabilities"), wanted("label")], ..raw(&texts) };
    let answer = client.infer(request).unwrap();
    assert_eq!((answer.outputs.len(), answer.raw.len()), (2, 2));
    assert!(answer.outputs.iter().all(|output| output.contents.is_none()));
    let numbers: Vec<f32> =
        answer.raw[1].chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
    assert_eq!(numbers, expected.probabilities());
    assert_eq!(u32::from_le_bytes(answer.raw[0][..4].try_into().unwrap()) as usize, labels[0].len());
    assert_eq!(&answer.raw[0][4..4 + labels[0].len()], &labels[0][..]);
}

#[test]
fn refusals_have_the_status_that_says_whose_fault_it_is() {
    let server = start(|options| {
        options.limits.items = 10;
        options.limits.body_bytes = 100_000;
    });
    let mut client = Client::to(&server);
    let one = [String::from("a")];
    let cases = [
        (Infer { model_name: "x".into(), ..typed(&one) }, Code::NotFound, "unknown_model"),
        (Infer { model_version: "9".into(), ..typed(&one) }, Code::NotFound, "unknown_model"),
        (Infer { model_version: "new".into(), ..typed(&one) }, Code::InvalidArgument, "bad_request"),
        (Infer { inputs: vec![], ..typed(&one) }, Code::InvalidArgument, "bad_request"),
        (
            Infer { outputs: vec![Wanted { name: "logits".into() }], ..typed(&one) },
            Code::InvalidArgument,
            "bad_request",
        ),
        (typed(&vec!["a".to_owned(); 11]), Code::ResourceExhausted, "too_many_items"),
        (raw(&vec!["a".to_owned(); 11]), Code::ResourceExhausted, "too_many_items"),
        (typed(&["a".repeat(200_000)]), Code::ResourceExhausted, "body_too_large"),
    ];
    for (request, code, name) in cases {
        let status = client.infer(request).unwrap_err();
        assert_eq!(status.code(), code, "{status}");
        assert!(status.message().contains(&format!("({name})")), "{status}");
    }
    let unknown = client.ask::<_, Flag>("Train", Request::new(Empty {})).unwrap_err();
    assert_eq!(unknown.code(), Code::Unimplemented);
    assert_eq!(client.infer(typed(&one)).unwrap().outputs.len(), 3);
    // The address is for gRPC alone.
    let reply = Connection::to(server.address()).ask("POST", "/inference.GRPCInferenceService/ServerLive", &[], b"");
    assert_eq!((reply.status, reply.code().as_str()), (422, "unsupported"));
}

#[test]
fn deadlines_are_kept_and_counted() {
    let server = start(|options| options.threads = 1);
    let mut client = Client::to(&server);
    let long = vec!["parcel broken where thanks offer ".repeat(400); 400];
    let mut request = Request::new(typed(&long));
    // The client would give up at the same time; the header alone leaves the decision to the server.
    request.metadata_mut().insert("grpc-timeout", "1m".parse().unwrap());
    let status = client.ask::<_, Inferred>("ModelInfer", request).unwrap_err();
    assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status}");
    let mut request = Request::new(typed(&["a".to_owned()]));
    request.set_timeout(Duration::from_secs(20));
    assert!(client.ask::<_, Inferred>("ModelInfer", request).is_ok());
    let mut request = Request::new(typed(&["a".to_owned()]));
    request.metadata_mut().insert("grpc-timeout", "soon".parse().unwrap());
    assert_eq!(client.ask::<_, Inferred>("ModelInfer", request).unwrap_err().code(), Code::InvalidArgument);
    let metrics = client::get(&server, "/metrics").text();
    assert!(metrics.contains("fenlei_requests_total{route=\"inference_v2\",status=\"2xx\"}"), "{metrics}");
}

#[test]
fn a_token_is_asked_for() {
    let secret = "0123456789abcdef";
    let token = Token { name: "a".into(), secret: secret.into(), expires: None };
    let server = start(|options| options.access.tokens = vec![token]);
    let mut client = Client::to(&server);
    assert_eq!(client.infer(typed(&["a".to_owned()])).unwrap_err().code(), Code::Unauthenticated);
    let mut request = Request::new(typed(&["a".to_owned()]));
    request.metadata_mut().insert("authorization", format!("Bearer {secret}").parse().unwrap());
    assert!(client.ask::<_, Inferred>("ModelInfer", request).is_ok());
}
