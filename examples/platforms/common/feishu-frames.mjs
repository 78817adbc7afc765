/** The frames of Feishu's long connection, which are protobuf. */
import protobuf from 'protobufjs'

const { root } = protobuf.parse(
  `syntax = "proto2";
  message Header { required string key = 1; required string value = 2; }
  message Frame {
    required uint64 SeqID = 1;
    required uint64 LogID = 2;
    required int32 service = 3;
    required int32 method = 4;
    repeated Header headers = 5;
    optional string payload_encoding = 6;
    optional string payload_type = 7;
    optional bytes payload = 8;
    optional string LogIDNew = 9;
  }`,
  { keepCase: true },
)
const Frame = root.lookupType('Frame')

export const CONTROL = 0
export const DATA = 1

export function encode(method, headers, payload, service) {
  const pairs = Object.entries(headers).map(([key, value]) => ({ key, value: String(value) }))
  const frame = { SeqID: 0, LogID: 0, service, method, headers: pairs, payload: Buffer.from(JSON.stringify(payload)) }
  return Frame.encode(frame).finish()
}

export function decode(data) {
  const frame = Frame.decode(data)
  const headers = Object.fromEntries(frame.headers.map(({ key, value }) => [key, value]))
  let payload
  try {
    payload = JSON.parse(Buffer.from(frame.payload).toString())
  } catch {
    // A ping has none.
  }
  return { method: frame.method, headers, payload }
}
