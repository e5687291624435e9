//! Tools, the choice among them, and the form of an answer: what chat and the Responses API share.

use serde_json::{Value, json};

use super::fields::{Fields, one_of, wrong};
use crate::{
    calling::ToolChoice,
    error::ApiError,
    prompt::Prompt,
    text::{Format, Tool},
};

/// Where an API keeps the description of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `{"type":"function","function":{"name":…}}`
    Chat,
    /// `{"type":"function","name":…}`
    Responses,
}

impl Shape {
    fn function<'a>(self, tool: &Fields<'a>) -> Result<Fields<'a>, ApiError> {
        match self {
            Self::Chat => Fields::nested(tool.required("function")?, tool.path("function")),
            Self::Responses => Ok(tool.clone()),
        }
    }
}

/// The functions of `tools`; built-in tools of other types are not called.
pub(super) fn tools(body: &Fields<'_>, shape: Shape) -> Result<Vec<Tool>, ApiError> {
    let mut functions = Vec::new();
    for (index, tool) in body.array("tools")?.unwrap_or_default().iter().enumerate() {
        let tool = Fields::nested(tool, format!("tools[{index}]"))?;
        if tool.required_string("type")? != "function" {
            continue;
        }
        let function = shape.function(&tool)?;
        functions.push(Tool {
            name: function.required_string("name")?.to_owned(),
            parameters: function.or("parameters", json!({"type": "object", "properties": {}})),
        });
    }
    Ok(functions)
}

/// `tool_choice`, which must fit `tools`.
pub(super) fn tool_choice<'a>(
    body: &Fields<'a>,
    shape: Shape,
    tools: &[Tool],
) -> Result<ToolChoice<'a>, ApiError> {
    const NAMES: [(&str, ToolChoice<'static>); 3] = [
        ("none", ToolChoice::None),
        ("auto", ToolChoice::Auto),
        ("required", ToolChoice::Required),
    ];
    let choice = match body.get("tool_choice") {
        None => return Ok(ToolChoice::Auto),
        Some(Value::String(name)) => one_of("tool_choice", name, &NAMES)?,
        Some(value @ Value::Object(_)) => {
            let choice = Fields::nested(value, "tool_choice".to_owned())?;
            if choice.required_string("type")? != "function" {
                return Ok(ToolChoice::Auto);
            }
            ToolChoice::Named(shape.function(&choice)?.required_string("name")?)
        }
        Some(other) => {
            return Err(wrong(
                "tool_choice".to_owned(),
                "a string or an object",
                other,
            ));
        }
    };
    let refuse = |message: String| Err(ApiError::value("tool_choice", "invalid_value", message));
    match choice {
        _ if tools.is_empty() && body.get("tools").is_none() => refuse(
            "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified."
                .to_owned(),
        ),
        ToolChoice::Named(name) if !tools.iter().any(|tool| tool.name == name) => refuse(format!(
            "Invalid value for 'tool_choice': the function '{name}' is not among 'tools'."
        )),
        choice => Ok(choice),
    }
}

/// `response_format` of chat, `text.format` of the Responses API.
pub(super) fn format(
    format: Option<Fields<'_>>,
    shape: Shape,
    prompt: &Prompt<'_>,
) -> Result<Format, ApiError> {
    #[derive(Clone, Copy)]
    enum Kind {
        Text,
        Object,
        Schema,
    }
    const KINDS: [(&str, Kind); 3] = [
        ("json_object", Kind::Object),
        ("json_schema", Kind::Schema),
        ("text", Kind::Text),
    ];
    let Some(format) = format else {
        return Ok(Format::Text);
    };
    match one_of(
        &format.path("type"),
        format.required_string("type")?,
        &KINDS,
    )? {
        Kind::Text => Ok(Format::Text),
        Kind::Object => {
            if prompt
                .texts()
                .iter()
                .any(|text| text.to_ascii_lowercase().contains("json"))
            {
                return Ok(Format::JsonObject);
            }
            Err(ApiError::Value {
                param: Some(if shape == Shape::Chat { "messages" } else { "input" }.to_owned()),
                code: None,
                message: "The prompt must contain the word 'json' in some form, to use a format of type 'json_object'.".to_owned(),
            })
        }
        Kind::Schema => {
            let described = match shape {
                Shape::Chat => {
                    Fields::nested(format.required("json_schema")?, format.path("json_schema"))?
                }
                Shape::Responses => format,
            };
            described.required_string("name")?;
            let schema = described.or("schema", json!({"type": "object"}));
            if schema.get("type").and_then(Value::as_str) == Some("object")
                || schema.get("$ref").is_some()
            {
                return Ok(Format::JsonSchema(schema));
            }
            Err(ApiError::value(
                &described.path("schema"),
                "invalid_json_schema",
                "Invalid schema for response format: schema must be a JSON Schema of 'type: \"object\"'."
                    .to_owned(),
            ))
        }
    }
}
