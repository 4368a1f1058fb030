//! Values as JSON.

use serde_json::{Map, Value as Json, json};
use weft_wrpc::{Type, Value};

/// The value in JSON: records are objects, variants objects with their case as the only key, flags lists of names, numbers that
/// are none `null`.
pub(super) fn json_of(value: &Value, ty: &Type) -> Json {
    let maybe = |payload: Option<&Value>, ty: Option<&Type>| match (payload, ty) {
        (Some(value), Some(ty)) => json_of(value, ty),
        _ => Json::Null,
    };
    match (value, ty) {
        (value, Type::Future(payload)) => json_of(value, payload),
        (Value::Bool(value), _) => json!(value),
        (Value::U8(value), _) => json!(value),
        (Value::U16(value), _) => json!(value),
        (Value::U32(value), _) => json!(value),
        (Value::U64(value), _) => json!(value),
        (Value::S8(value), _) => json!(value),
        (Value::S16(value), _) => json!(value),
        (Value::S32(value), _) => json!(value),
        (Value::S64(value), _) => json!(value),
        (Value::F32(value), _) => json!(value),
        (Value::F64(value), _) => json!(value),
        (Value::Char(value), _) => json!(value),
        (Value::String(value), _) => json!(value),
        (Value::Bytes(bytes), _) => json!(bytes.to_vec()),
        (Value::List(values), Type::List(element) | Type::Stream(element)) => {
            values.iter().map(|value| json_of(value, element)).collect()
        }
        (Value::Tuple(values), Type::Tuple(members)) => {
            let values = values.iter().zip(members.iter());
            values.map(|(value, ty)| json_of(value, ty)).collect()
        }
        (Value::Tuple(values), Type::Record(fields)) => {
            let fields = values.iter().zip(fields.iter());
            let fields =
                fields.map(|(value, field)| (field.name.to_string(), json_of(value, &field.ty)));
            Json::Object(fields.collect::<Map<_, _>>())
        }
        (Value::Variant(index, payload), Type::Variant(cases)) => {
            let case = &cases[*index as usize];
            let payload = maybe(payload.as_deref(), case.ty.as_ref());
            Json::Object(Map::from_iter([(case.name.to_string(), payload)]))
        }
        (Value::Enum(index), Type::Enum(names)) => json!(&*names[*index as usize]),
        (Value::Flags(set), Type::Flags(names)) => {
            set.iter().map(|index| json!(&*names[*index])).collect()
        }
        (Value::Option(payload), Type::Option(ty)) => maybe(payload.as_deref(), Some(ty)),
        (Value::Result(Ok(payload)), Type::Result { ok, .. }) => {
            json!({ "ok": maybe(payload.as_deref(), ok.as_deref()) })
        }
        (Value::Result(Err(payload)), Type::Result { err, .. }) => {
            json!({ "err": maybe(payload.as_deref(), err.as_deref()) })
        }
        _ => Json::Null,
    }
}
