//! `view_image`: shows the model a picture of the file system.
//!
//! It must never read what `read_file` could not.

use std::path::PathBuf;

use codex_history::{Arguments, Content, ToolInput, ToolSpec};
use codex_permissions::Access;
use codex_workspace::{View, read_picture};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{Effect, Prepared, Tool, ToolContext, ToolError, arguments, plain_call::PlainCall};

#[derive(Deserialize, JsonSchema)]
#[schemars(description = "")]
struct Args {
    path: PathBuf,
}

/// Shows pictures.
#[derive(Debug)]
pub(crate) struct ViewImage;

impl Tool for ViewImage {
    fn name(&self) -> &str {
        "view_image"
    }

    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.name().to_owned().into(),
            description: include_str!("view_image.md").trim().to_owned(),
            input: ToolInput::Json { schema: arguments::schema::<Args>() },
        }
    }

    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn prepare(&self, arguments: &Arguments, context: &ToolContext) -> Result<Prepared, ToolError> {
        let Args { path: named } = arguments::parse(arguments)?;
        let shown = named.display().to_string();
        let cannot = move |sentence: String| format!("cannot show {shown}: {sentence}");
        let path = match View::of(&context.roots).real_path(&named) {
            Ok(path) => path,
            Err(error) => return Err(ToolError(cannot(error.to_string()))),
        };
        let access = Access { reads: vec![path.clone()], ..Access::default() };
        let call = PlainCall::new(self.name(), arguments, context);
        Ok(call.showing(access, move || {
            let picture = read_picture(&path).map_err(cannot)?;
            let text = format!("{} ({}, {} bytes)", path.display(), picture.media_type, picture.bytes);
            Ok((text, vec![Content::Image { media_type: picture.media_type.to_owned(), data: picture.data }]))
        }))
    }
}

#[cfg(test)]
mod tests {
    use codex_sandbox::Confinement;

    use super::*;
    use crate::testing::{answer, context, json};

    #[tokio::test]
    async fn the_model_gets_the_picture_and_the_user_a_line() {
        let scene = context();
        std::fs::write(scene.workspace().join("a.png"), b"GIF89a").unwrap();
        let prepared = ViewImage.prepare(&json(r#"{"path":"a.png"}"#), &scene.context).unwrap();
        assert_eq!(prepared.access.reads, [scene.workspace().join("a.png")]);
        let outcome = (prepared.run)(Confinement::read_only(&[]).into()).await;
        assert_eq!(outcome.pictures, [Content::Image { media_type: "image/gif".into(), data: "R0lGODlh".into() }]);
        let text = answer(&ViewImage, r#"{"path":"a.png"}"#, &scene).await.unwrap();
        assert!(text.ends_with("w/a.png (image/gif, 6 bytes)"), "{text}");
    }

    #[tokio::test]
    async fn what_is_no_picture_is_said() {
        let scene = context();
        std::fs::write(scene.workspace().join("text.png"), "text").unwrap();
        for (path, expected) in [("text.png", "not a PNG"), ("none", "No such file"), ("sub", "directory")] {
            let sentence = answer(&ViewImage, &format!(r#"{{"path":"{path}"}}"#), &scene).await.unwrap_err();
            assert!(
                sentence.starts_with(&format!("cannot show {path}: ")) && sentence.contains(expected),
                "{sentence}"
            );
        }
    }
}
