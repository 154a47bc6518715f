//! One message of rows as it goes over the wire, without a copy of the rows.
//!
//! A gRPC message is a length and a protobuf; a `FlightData` is two fields of bytes. Writing both by
//! hand lets the columns' own buffers go to the network, where a generic encoder would copy them
//! twice.

use std::collections::VecDeque;

use arrow_flight::error::FlightError;
use bytes::{Bytes, BytesMut};
use datafusion::arrow::buffer::Buffer;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::root_as_message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};

/// Field numbers of `FlightData` in the published protocol.
const DATA_HEADER: u32 = 2;
const DATA_BODY: u32 = 1000;
/// Buffers shorter than this are copied together: a chunk of its own costs more.
const COPIED_BELOW: usize = 2 << 10;
/// What stands before the metadata of a message in an IPC stream: a marker and a length.
const PREFIX_BYTES: usize = 8;

/// A schema or a batch as an IPC message.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct RowMessage {
    /// The metadata, a flatbuffer.
    header: Bytes,
    /// The buffers of the columns, with their padding.
    body: Vec<Buffer>,
}

impl RowMessage {
    /// The messages of a piece of an IPC stream.
    ///
    /// # Errors
    /// The piece is not made of whole messages.
    pub(super) fn split(stream: Vec<Buffer>) -> Result<Vec<Self>, FlightError> {
        let mut rest = VecDeque::from(stream);
        let mut messages = Vec::with_capacity(1);
        while rest.iter().any(|buffer| !buffer.is_empty()) {
            let prefix = Bytes::from(contiguous(take(&mut rest, PREFIX_BYTES)?));
            let length = prefix.get(4..PREFIX_BYTES).and_then(|bytes| bytes.try_into().ok());
            let length = length.map_or(0, u32::from_le_bytes) as usize;
            let header = Bytes::from(contiguous(take(&mut rest, length)?));
            let message = root_as_message(&header)
                .map_err(|error| ArrowError::IpcError(error.to_string()))?;
            let body_length = usize::try_from(message.bodyLength()).unwrap_or(usize::MAX);
            let body = take(&mut rest, body_length)?;
            messages.push(Self { header, body });
        }
        Ok(messages)
    }

    /// Its bytes without what gRPC puts before them.
    pub(super) fn bytes(&self) -> usize {
        self.header.len() + self.body.iter().map(Buffer::len).sum::<usize>()
    }

    /// The gRPC message, cut into pieces that are sent one after the other.
    ///
    /// # Errors
    /// The message is larger than gRPC can tell.
    pub(super) fn chunks(self) -> Result<VecDeque<Bytes>, FlightError> {
        let body_bytes: usize = self.body.iter().map(Buffer::len).sum();
        let fields = field_len(DATA_HEADER, self.header.len()) + field_len(DATA_BODY, body_bytes);
        let too_large =
            |_| ArrowError::IpcError(format!("a message of {fields} bytes is too large for gRPC"));
        let length = u32::try_from(fields).map_err(too_large)?;
        let mut pending = BytesMut::with_capacity(self.header.len() + COPIED_BELOW);
        // Not compressed.
        pending.extend_from_slice(&[0]);
        pending.extend_from_slice(&length.to_be_bytes());
        begin_field(DATA_HEADER, self.header.len(), &mut pending);
        pending.extend_from_slice(&self.header);
        // Some clients take a message without a body for one without a batch.
        begin_field(DATA_BODY, body_bytes, &mut pending);
        let mut chunks = VecDeque::with_capacity(self.body.len() + 1);
        for buffer in self.body {
            if buffer.len() < COPIED_BELOW {
                pending.extend_from_slice(&buffer);
            } else {
                if !pending.is_empty() {
                    chunks.push_back(pending.split().freeze());
                }
                chunks.push_back(Bytes::from_owner(Shared(buffer)));
            }
        }
        if !pending.is_empty() {
            chunks.push_back(pending.freeze());
        }
        Ok(chunks)
    }
}

/// A column's buffer, kept until the network has taken it.
struct Shared(Buffer);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self.0.as_slice()
    }
}

/// The next `bytes` of a stream, buffers cut where they end.
fn take(stream: &mut VecDeque<Buffer>, bytes: usize) -> Result<Vec<Buffer>, ArrowError> {
    let mut taken = Vec::new();
    let mut missing = bytes;
    while missing > 0 {
        let Some(buffer) = stream.pop_front() else {
            return Err(ArrowError::IpcError(format!("{missing} bytes of {bytes} are missing")));
        };
        if buffer.len() > missing {
            stream.push_front(buffer.slice(missing));
            taken.push(buffer.slice_with_length(0, missing));
            missing = 0;
        } else if !buffer.is_empty() {
            missing -= buffer.len();
            taken.push(buffer);
        }
    }
    Ok(taken)
}

fn contiguous(buffers: Vec<Buffer>) -> Vec<u8> {
    buffers.iter().flat_map(|buffer| buffer.iter().copied()).collect()
}

/// The bytes that a field of `length` bytes takes.
fn field_len(field: u32, length: usize) -> usize {
    key_len(field) + encoded_len_varint(length as u64) + length
}

fn begin_field(field: u32, length: usize, into: &mut BytesMut) {
    encode_key(field, WireType::LengthDelimited, into);
    encode_varint(length as u64, into);
}

#[cfg(test)]
pub(super) mod tests {
    use arrow_flight::FlightData;
    use prost::Message;

    use super::*;

    /// What a client reads of a message.
    pub(in super::super) fn received(message: RowMessage) -> FlightData {
        let bytes: Vec<u8> = message.chunks().unwrap().into_iter().flatten().collect();
        let length = u32::from_be_bytes(bytes[1..5].try_into().unwrap()) as usize;
        assert_eq!((bytes[0], length), (0, bytes.len() - 5));
        FlightData::decode(&bytes[5..]).unwrap()
    }

    #[test]
    fn long_buffers_are_sent_as_they_are_and_short_ones_together() {
        let long = Buffer::from_vec(vec![7_u8; COPIED_BELOW]);
        let short = Buffer::from_vec(vec![1_u8; 3]);
        let message = RowMessage {
            header: Bytes::from_static(b"metadata"),
            body: vec![short.clone(), short.clone(), long.clone(), short],
        };
        let chunks = message.clone().chunks().unwrap();
        assert_eq!(chunks.len(), 3);
        assert_eq!(chunks[1].as_ptr(), long.as_ptr());
        let data = received(message);
        assert_eq!(data.data_header, &b"metadata"[..]);
        assert_eq!(data.data_body.len(), COPIED_BELOW + 9);
        assert_eq!(data.data_body[..6], [1; 6]);
    }

    #[test]
    fn a_stream_that_breaks_off_is_refused() {
        for broken in [&[0xff_u8, 0xff, 0xff, 0xff, 9, 0, 0, 0, 1][..], &[0xff, 0xff][..]] {
            assert!(RowMessage::split(vec![Buffer::from(broken)]).is_err());
        }
    }
}
