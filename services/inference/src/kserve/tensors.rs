//! Values as KServe's tensors have them, in both forms: raw bytes, and contents by type. We send the raw form, which Triton takes for
//! every type; servers answer in either.

use bytes::{BufMut, Bytes, BytesMut};
use wayfarer_proto::kserve::{InferTensorContents, ModelInferResponse};

/// Bytes before each element of a raw BYTES tensor: its length, little-endian.
const LENGTH: usize = 4;

/// Elements of one input.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// One truth.
    Bool(bool),
    /// One whole number.
    Whole(u64),
    /// One number.
    Real(f32),
    /// Texts, or bytes of any kind.
    Texts(Vec<Bytes>),
}

impl Value {
    /// One text.
    pub(crate) fn text(text: impl Into<Bytes>) -> Self {
        Self::Texts(vec![text.into()])
    }

    /// Elements.
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::Texts(texts) => texts.len(),
            _ => 1,
        }
    }

    /// In the raw form of this type; none if such a tensor cannot hold it.
    pub(crate) fn raw(&self, datatype: &str) -> Option<Bytes> {
        Some(match (self, datatype) {
            (Self::Bool(value), "BOOL") => Bytes::copy_from_slice(&[u8::from(*value)]),
            (Self::Whole(value), "INT32") => Bytes::copy_from_slice(&i32::try_from(*value).ok()?.to_le_bytes()),
            (Self::Whole(value), "UINT32") => Bytes::copy_from_slice(&u32::try_from(*value).ok()?.to_le_bytes()),
            (Self::Whole(value), "INT64") => Bytes::copy_from_slice(&i64::try_from(*value).ok()?.to_le_bytes()),
            (Self::Whole(value), "UINT64") => Bytes::copy_from_slice(&value.to_le_bytes()),
            (Self::Real(value), "FP32") => Bytes::copy_from_slice(&value.to_le_bytes()),
            (Self::Real(value), "FP64") => Bytes::copy_from_slice(&f64::from(*value).to_le_bytes()),
            (Self::Texts(texts), "BYTES") => {
                let mut raw = BytesMut::with_capacity(texts.iter().map(|text| LENGTH + text.len()).sum());
                for text in texts {
                    raw.put_u32_le(u32::try_from(text.len()).ok()?);
                    raw.extend_from_slice(text);
                }
                raw.freeze()
            }
            _ => return None,
        })
    }
}

/// The first element of a BYTES output; none if the response does not have it. `Err` says what is wrong with it.
pub(crate) fn text(response: &ModelInferResponse, name: &str) -> Result<Option<String>, String> {
    let Some(output) = output(response, name) else { return Ok(None) };
    let wrong = || format!("an output {name} of type {} that is no text", output.datatype);
    if output.datatype != "BYTES" {
        return Err(wrong());
    }
    let first = match (output.raw, output.contents) {
        // an empty tensor has no element at all
        (Some(raw), _) if raw.is_empty() => return Ok(None),
        (Some(raw), _) => element(raw).ok_or_else(wrong)?,
        (None, Some(contents)) => match contents.bytes_contents.first() {
            Some(first) => first,
            None => return Ok(None),
        },
        (None, None) => return Ok(None),
    };
    Ok(Some(String::from_utf8_lossy(first).into_owned()))
}

/// The first element of a raw BYTES tensor; none if it is cut off.
fn element(raw: &[u8]) -> Option<&[u8]> {
    let (length, rest) = raw.split_first_chunk::<LENGTH>()?;
    rest.get(..u32::from_le_bytes(*length) as usize)
}

/// The first element of an output of whole numbers; none if there is no such output, or if it is no count.
pub(crate) fn count(response: &ModelInferResponse, name: &str) -> Option<u64> {
    let output = output(response, name)?;
    match (output.datatype, output.raw, output.contents) {
        ("INT32", Some(raw), _) => u64::try_from(i32::from_le_bytes(*raw.first_chunk()?)).ok(),
        ("UINT32", Some(raw), _) => Some(u32::from_le_bytes(*raw.first_chunk()?).into()),
        ("INT64", Some(raw), _) => u64::try_from(i64::from_le_bytes(*raw.first_chunk()?)).ok(),
        ("UINT64", Some(raw), _) => Some(u64::from_le_bytes(*raw.first_chunk()?)),
        ("INT32", None, Some(contents)) => u64::try_from(*contents.int_contents.first()?).ok(),
        ("UINT32", None, Some(contents)) => Some((*contents.uint_contents.first()?).into()),
        ("INT64", None, Some(contents)) => u64::try_from(*contents.int64_contents.first()?).ok(),
        ("UINT64", None, Some(contents)) => contents.uint64_contents.first().copied(),
        _ => None,
    }
}

struct Output<'a> {
    datatype: &'a str,
    raw: Option<&'a Bytes>,
    contents: Option<&'a InferTensorContents>,
}

fn output<'a>(response: &'a ModelInferResponse, name: &str) -> Option<Output<'a>> {
    let index = response.outputs.iter().position(|output| output.name == name)?;
    let output = &response.outputs[index];
    let raw = response.raw_output_contents.get(index);
    Some(Output { datatype: &output.datatype, raw, contents: output.contents.as_ref() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use wayfarer_proto::kserve::model_infer_response::InferOutputTensor;

    fn response(datatype: &str, raw: Vec<Bytes>, contents: Option<InferTensorContents>) -> ModelInferResponse {
        let output = InferOutputTensor { name: "out".into(), datatype: datatype.into(), shape: vec![1], contents, ..Default::default() };
        ModelInferResponse { outputs: vec![output], raw_output_contents: raw, ..Default::default() }
    }

    proptest! {
        #[test]
        fn what_is_sent_raw_is_read_raw(texts in prop::collection::vec(".{0,20}", 1..4), whole in 0_u64..1 << 31) {
            let value = Value::Texts(texts.iter().cloned().map(Bytes::from).collect());
            let raw = value.raw("BYTES").unwrap();
            prop_assert_eq!(text(&response("BYTES", vec![raw], None), "out").unwrap().unwrap(), texts[0].clone());
            for datatype in ["INT32", "UINT32", "INT64", "UINT64"] {
                let raw = Value::Whole(whole).raw(datatype).unwrap();
                prop_assert_eq!(count(&response(datatype, vec![raw], None), "out"), Some(whole));
            }
        }

        #[test]
        fn no_bytes_of_a_server_are_too_strange(raw in prop::collection::vec(any::<u8>(), 0..40)) {
            let raw = Bytes::from(raw);
            for datatype in ["BYTES", "INT32", "UINT64", "FP32"] {
                let _ = text(&response(datatype, vec![raw.clone()], None), "out");
                let _ = count(&response(datatype, vec![raw.clone()], None), "out");
            }
        }
    }

    #[test]
    fn contents_by_type_are_read_too() {
        let contents = InferTensorContents { bytes_contents: vec!["Grüß dich".into()], ..Default::default() };
        assert_eq!(text(&response("BYTES", Vec::new(), Some(contents)), "out").unwrap().unwrap(), "Grüß dich");
        let contents = InferTensorContents { uint_contents: vec![7], ..Default::default() };
        assert_eq!(count(&response("UINT32", Vec::new(), Some(contents)), "out"), Some(7));
        assert_eq!(text(&response("BYTES", Vec::new(), None), "other"), Ok(None));
        assert!(text(&response("FP32", vec![Bytes::from_static(b"abcd")], None), "out").is_err());
    }

    #[test]
    fn raw_bytes_are_those_of_the_protocol() {
        assert_eq!(Value::Texts(vec!["ab".into(), "c".into()]).raw("BYTES").unwrap(), &b"\x02\0\0\0ab\x01\0\0\0c"[..]);
        assert_eq!(Value::Bool(true).raw("BOOL").unwrap(), &b"\x01"[..]);
        assert_eq!(Value::Real(1.0).raw("FP32").unwrap(), &b"\0\0\x80\x3f"[..]);
        assert_eq!(Value::Whole(258).raw("INT32").unwrap(), &b"\x02\x01\0\0"[..]);
        assert_eq!((Value::Whole(1 << 40).raw("INT32"), Value::Bool(true).raw("INT32")), (None, None));
    }
}
