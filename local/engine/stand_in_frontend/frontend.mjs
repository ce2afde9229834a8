// Stand-in of docker/dockerfile, the image that "# syntax=docker/dockerfile:1" names.
//
// BuildKit speaks gRPC with it over standard input and output. It hands the build straight on to the
// Dockerfile frontend that is built into the engine, and gives its result back as it is.
import http2 from "node:http2";
import { Duplex } from "node:stream";

const SERVICE = "/moby.buildkit.v1.frontend.LLBBridge/";
// Field numbers of BuildKit's gateway.proto.
const SOLVE_REQUEST = { frontend: 2, options: 3, allowResultReturn: 5 };
const SOLVE_RESPONSE = { result: 3 };
const RETURN_REQUEST = { result: 1, error: 2 };
const STATUS = { code: 1, message: 2 };

const varint = (value) => {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return Buffer.from([...bytes, value]);
};
const number = (field, value) => Buffer.concat([varint(field << 3), varint(value)]);
const bytes = (field, value) => {
  const content = Buffer.from(value);
  return Buffer.concat([varint((field << 3) | 2), varint(content.length), content]);
};

function fieldOf(message, wanted) {
  let at = 0;
  const next = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const key = next();
    const length = next();
    if ((key & 7) !== 2) continue; // a number, read already
    if (key >> 3 === wanted) return message.subarray(at, at + length);
    at += length;
  }
  return Buffer.alloc(0);
}

class StatusError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

const client = http2.connect("http://buildkit", {
  createConnection: () => Duplex.from({ readable: process.stdin, writable: process.stdout }),
});

function call(method, message) {
  return new Promise((resolve, reject) => {
    const request = client.request({
      ":method": "POST",
      ":path": SERVICE + method,
      "content-type": "application/grpc",
      te: "trailers",
    });
    const received = [];
    let status = {};
    const note = (headers) => (status = { ...status, ...headers });
    request.on("response", note).on("trailers", note).on("error", reject);
    request.on("data", (data) => received.push(data));
    request.on("end", () => {
      const code = Number(status["grpc-status"]);
      if (code === 0) resolve(Buffer.concat(received).subarray(5));
      else reject(new StatusError(code, decodeURIComponent(status["grpc-message"] ?? "")));
    });
    const head = Buffer.alloc(5);
    head.writeUInt32BE(message.length, 1);
    request.end(Buffer.concat([head, message]));
  });
}

const options = Object.entries(process.env)
  .filter(([name]) => name.startsWith("BUILDKIT_FRONTEND_OPT_"))
  .map(([, option]) => [option.split("=", 1)[0], option.slice(option.indexOf("=") + 1)]);
// With a command line given, the frontend does not look for a syntax line again.
options.push(["cmdline", "dockerfile.v0"]);

let answer;
try {
  const request = [
    bytes(SOLVE_REQUEST.frontend, "dockerfile.v0"),
    ...options.map(([name, value]) =>
      bytes(SOLVE_REQUEST.options, Buffer.concat([bytes(1, name), bytes(2, value)])),
    ),
    number(SOLVE_REQUEST.allowResultReturn, 1),
  ];
  const response = await call("Solve", Buffer.concat(request));
  answer = bytes(RETURN_REQUEST.result, fieldOf(response, SOLVE_RESPONSE.result));
} catch (error) {
  const status = [number(STATUS.code, error.code ?? 2), bytes(STATUS.message, error.message)];
  answer = bytes(RETURN_REQUEST.error, Buffer.concat(status));
}
await call("Return", answer);
client.close();
process.exit(0);
