//! Commands, at a listener of their own: which models are loaded, and who gets their requests.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::{any, get, post};
use hyper::{Method, Response};
use serde::Deserialize;
use serde_json::json;

use super::asked::{json_response, read_json};
use super::health;
use crate::app::App;
use crate::error::{ApiError, ApiResult, Code};
use crate::http::{Call, read_body};
use crate::log::Level;
use crate::models::{Traffic, check_name};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoadBody {
    name: String,
    version: Option<u64>,
    /// Within the folder of models.
    file: String,
}

/// The addresses for those who run the server.
pub(crate) fn admin_router(app: Arc<App>) -> Router {
    Router::new()
        .route("/admin/models", get(health::models).post(load))
        .route("/admin/models/{*rest}", any(change))
        .route("/admin/reload", post(reload))
        .fallback(async || ApiError::new(Code::NotFound, "there is nothing at this address", "see docs/serving.md"))
        .method_not_allowed_fallback(async || {
            ApiError::new(Code::MethodNotAllowed, "this address is asked with another method", "see docs/serving.md")
        })
        .with_state(app)
}

/// Loads a file of the folder. The version that is there before answers until the new one is ready.
async fn load(State(app): State<Arc<App>>, call: Call) -> ApiResult<Response<Body>> {
    let body: LoadBody = read_json(&read_body(&call.headers, call.body, &app.options.limits).await?)?;
    check_name(&body.name)?;
    let path = in_folder(app.options.folder.as_deref(), &body.file)?;
    let highest = app.registry.all().iter().filter(|model| model.name == body.name).map(|model| model.version).max();
    let version = body.version.unwrap_or_else(|| highest.map_or(1, |highest| highest.saturating_add(1)));
    let loading = Arc::clone(&app);
    let name = body.name.clone();
    let loaded = tokio::task::spawn_blocking(move || loading.registry.load(&name, version, &path)).await;
    match loaded {
        Ok(Ok(model)) => {
            let particulars = json!({ "model": body.name, "version": version, "request_id": call.id.0 });
            app.log.event(Level::Info, "model_loaded", particulars);
            json_response(&json!({ "name": model.name, "version": model.version, "labels": model.classifier.labels() }))
        }
        Ok(Err(error)) => {
            app.log.event(Level::Error, "model_refused", json!({ "model": body.name, "error": error.to_string() }));
            Err(ApiError::new(Code::UnusableModel, error.to_string(), "what was served before is still served"))
        }
        Err(_) => Err(ApiError::new(Code::Internal, "loading broke off", "this is a bug, please report it")),
    }
}

/// `DELETE …/NAME/versions/N` and `PUT …/NAME/traffic`.
async fn change(State(app): State<Arc<App>>, call: Call) -> ApiResult<Response<Body>> {
    let path = call.path.clone();
    let parts: Vec<&str> = path.trim_start_matches("/admin/models/").split('/').collect();
    match (&parts[..], &call.method) {
        ([name, "versions", version], &Method::DELETE) => {
            check_name(name)?;
            let number = version.parse().map_err(|_| {
                ApiError::bad_request(
                    format!("version: found {version:?}, expected a number"),
                    "GET /admin/models lists them",
                )
            })?;
            if !app.registry.unload(name, number) {
                let message = format!("there is no version {number} of {name:?}");
                return Err(ApiError::new(Code::UnknownModel, message, "GET /admin/models lists what is there"));
            }
            app.log.event(Level::Info, "model_dropped", json!({ "model": name, "version": number }));
            json_response(&json!({ "dropped": true }))
        }
        ([name, "traffic"], &Method::PUT) => {
            let traffic: Traffic = read_json(&read_body(&call.headers, call.body, &app.options.limits).await?)?;
            check_name(name)?;
            app.registry.direct(name, traffic)?;
            app.log.event(Level::Info, "traffic", json!({ "model": name, "traffic": traffic }));
            json_response(&traffic)
        }
        _ => {
            let message = "expected DELETE NAME/versions/N or PUT NAME/traffic";
            Err(ApiError::new(Code::NotFound, message, "see docs/serving.md"))
        }
    }
}

async fn reload(State(app): State<Arc<App>>) -> ApiResult<Response<Body>> {
    // A look that is asked for already is enough.
    let _ = app.reload.try_send(());
    json_response(&json!({ "looking": true }))
}

/// The path of a file inside of the folder; nothing that leads out of it, also not by a link.
fn in_folder(folder: Option<&Path>, file: &str) -> ApiResult<PathBuf> {
    let Some(folder) = folder else {
        let message = "this server has no folder of models";
        return Err(ApiError::new(Code::Unsupported, message, "start it with --folder"));
    };
    let refuse = || {
        let shown: String = file.chars().take(100).collect();
        ApiError::bad_request(format!("file: {shown:?} is not in the folder of models"), "name it as it stands there")
    };
    let relative = Path::new(file);
    if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(refuse());
    }
    let (folder, path) = (folder.canonicalize(), folder.join(relative).canonicalize());
    match (folder, path) {
        (Ok(folder), Ok(path)) if path.starts_with(&folder) && path.extension().is_some_and(|e| e == "fenlei") => {
            Ok(path)
        }
        _ => Err(refuse()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_way_leads_out_of_the_folder() {
        let outside = tempfile::tempdir().unwrap();
        let folder = outside.path().join("models");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(outside.path().join("secret.fenlei"), "x").unwrap();
        std::fs::write(folder.join("good.fenlei"), "x").unwrap();
        std::fs::write(folder.join("other.txt"), "x").unwrap();
        assert!(in_folder(Some(&folder), "good.fenlei").unwrap().ends_with("models/good.fenlei"));
        let absolute = outside.path().join("secret.fenlei");
        for wrong in
            ["../secret.fenlei", "./../secret.fenlei", "other.txt", "missing.fenlei", "", absolute.to_str().unwrap()]
        {
            assert_eq!(in_folder(Some(&folder), wrong).unwrap_err().code, Code::BadRequest, "{wrong}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(&absolute, folder.join("link.fenlei")).unwrap();
            assert!(in_folder(Some(&folder), "link.fenlei").is_err());
        }
        assert_eq!(in_folder(None, "good.fenlei").unwrap_err().code, Code::Unsupported);
    }
}
