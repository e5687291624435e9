// What the npm clients get through the gateway from each provider: the Vercel AI SDK in the words of OpenAI, Anthropic
// and Google, and Google's own `@google/genai`.
//
// Arguments: the gateway's URL and the page whose table says what holds. As in matrix.py each provider is a path of its
// own, and the same prompt gets the same words from all. `UPDATE=1` writes the table.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// The packages are in the working directory, not beside this file.
const require = createRequire(pathToFileURL(`${process.cwd()}/`));
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const { APICallError, generateText, jsonSchema, stepCountIs, streamText, tool } = await load("ai");
const { createAnthropic } = await load("@ai-sdk/anthropic");
const { createGoogleGenerativeAI } = await load("@ai-sdk/google");
const { createOpenAI } = await load("@ai-sdk/openai");
const { ApiError, GoogleGenAI } = await load("@google/genai");

// It warns of models that it does not know, and the mock has only such.
globalThis.AI_SDK_LOG_WARNINGS = false;

// The name of the deployment in examples/providers/azure-deployment.yaml.
const MODEL = "my-gpt";
// Rows: the name of each, the path of its provider, and the model that is asked for.
const PROVIDERS = [
  ...["openai", "anthropic", "gemini", "bedrock", "azure", "azure-deployment"].map((name) => [name, name, MODEL]),
  ["vertexai (Google)", "vertexai", MODEL],
  ["vertexai (Anthropic)", "vertexai", "claude-on-vertex"],
];
const SYSTEM = "You answer in one sentence.";
const PROMPT = "Which river flows through Vienna?";
const CITY = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };
const BEGIN = "<!-- table: tests/clients npm -->\n";
const END = "<!-- end of table npm -->\n";

function expect(held, otherwise) {
  if (!held) throw new Error(otherwise);
}

function expectUsage(read, written) {
  expect(read > 0 && written > 0, `usage ${read} and ${written}`);
}

// The AI SDK; `make` gives its model for a base URL.
class Vercel {
  constructor(name, make, base, model) {
    Object.assign(this, { name, base, model });
    this.asked = { model: make(base, model), instructions: SYSTEM, prompt: PROMPT, maxRetries: 0 };
  }

  tools(seen) {
    const execute = async (input) => {
      seen.push(input);
      return "Rain.";
    };
    return { weather: tool({ description: "The weather.", inputSchema: jsonSchema(CITY), execute }) };
  }

  async plain() {
    const answer = await generateText(this.asked);
    expect(answer.finishReason === "stop", `finishReason ${answer.finishReason}`);
    expectUsage(answer.usage.inputTokens, answer.usage.outputTokens);
    return answer.text;
  }

  async stream() {
    const answer = streamText(this.asked);
    let text = "";
    for await (const piece of answer.textStream) text += piece;
    expect((await answer.finishReason) === "stop", `finishReason ${await answer.finishReason}`);
    const usage = await answer.usage;
    expectUsage(usage.inputTokens, usage.outputTokens);
    return text;
  }

  // A call, its result, and the answer to it: forced in the first step alone.
  async call() {
    const seen = [];
    const prepareStep = ({ stepNumber }) => ({ toolChoice: stepNumber === 0 ? "required" : "auto" });
    const answer = await generateText({ ...this.asked, tools: this.tools(seen), prepareStep, stopWhen: stepCountIs(2) });
    expect(seen.length === 1 && "city" in seen[0], `calls ${JSON.stringify(seen)}`);
    expect(answer.text, "no text after the tool's result");
  }

  async callStreamed() {
    const seen = [];
    const options = { tools: this.tools(seen), toolChoice: "required", stopWhen: stepCountIs(1) };
    const answer = streamText({ ...this.asked, ...options });
    await answer.consumeStream();
    expect((await answer.finishReason) === "tool-calls", `finishReason ${await answer.finishReason}`);
    expect(seen.length === 1 && "city" in seen[0], `calls ${JSON.stringify(seen)}`);
  }

  async refused(fault) {
    try {
      await generateText({ ...this.asked, headers: { "x-mock-fault": fault } });
    } catch (error) {
      expect(APICallError.isInstance(error), `${error}`);
      expect(error.message, "no message");
      return error.statusCode;
    }
    throw new Error("no error");
  }

  // The AI SDK gives errors of a stream as a part of it.
  async cut() {
    const answer = streamText({ ...this.asked, headers: { "x-mock-fault": "cut-after=6" }, onError: () => {} });
    const ends = [];
    try {
      for await (const part of answer.fullStream) {
        if (part.type === "error") return;
        if (part.type === "finish") ends.push(part.finishReason);
      }
    } catch {
      return;
    }
    expect(!ends.includes("stop"), "a cut stream passes for a whole one");
  }
}

// Google's own client.
class Genai {
  constructor(base, model) {
    this.name = "`@google/genai`";
    Object.assign(this, { base, model });
    const declared = { name: "weather", description: "The weather.", parametersJsonSchema: CITY };
    this.said = { systemInstruction: SYSTEM };
    this.tooled = { ...this.said, tools: [{ functionDeclarations: [declared] }] };
    this.forced = { ...this.tooled, toolConfig: { functionCallingConfig: { mode: "ANY" } } };
  }

  models(headers = {}) {
    return new GoogleGenAI({ apiKey: "sk-client", httpOptions: { baseUrl: this.base, headers } }).models;
  }

  ask(config, contents = PROMPT) {
    return { model: this.model, contents, config };
  }

  async plain() {
    const answer = await this.models().generateContent(this.ask(this.said));
    expect(answer.candidates[0].finishReason === "STOP", `finishReason ${answer.candidates[0].finishReason}`);
    expectUsage(answer.usageMetadata.promptTokenCount, answer.usageMetadata.candidatesTokenCount);
    return answer.text;
  }

  async stream() {
    let text = "";
    let usage;
    for await (const part of await this.models().generateContentStream(this.ask(this.said))) {
      text += part.text ?? "";
      usage = part.usageMetadata ?? usage;
    }
    expectUsage(usage.promptTokenCount, usage.candidatesTokenCount);
    return text;
  }

  async call() {
    const answer = await this.models().generateContent(this.ask(this.forced));
    const [call] = answer.functionCalls;
    expect(call.name === "weather" && "city" in call.args, JSON.stringify(call));
    const functionResponse = { id: call.id, name: call.name, response: { result: "Rain." } };
    const turns = [
      { role: "user", parts: [{ text: PROMPT }] },
      answer.candidates[0].content,
      { role: "user", parts: [{ functionResponse }] },
    ];
    const last = await this.models().generateContent(this.ask(this.tooled, turns));
    expect(last.text, "no text after the tool's result");
  }

  async callStreamed() {
    const calls = [];
    for await (const part of await this.models().generateContentStream(this.ask(this.forced))) {
      calls.push(...(part.functionCalls ?? []));
    }
    expect(calls[0]?.name === "weather" && "city" in calls[0].args, JSON.stringify(calls));
  }

  async refused(fault) {
    try {
      await this.models({ "x-mock-fault": fault }).generateContent(this.ask(this.said));
    } catch (error) {
      expect(error instanceof ApiError && error.message, `${error}`);
      return error.status;
    }
    throw new Error("no error");
  }

  async cut() {
    const ends = [];
    try {
      const faulty = this.models({ "x-mock-fault": "cut-after=6" });
      for await (const part of await faulty.generateContentStream(this.ask(this.said))) {
        ends.push(part.candidates?.[0]?.finishReason);
      }
    } catch {
      return;
    }
    expect(!ends.includes("STOP"), "a cut stream passes for a whole one");
  }
}

const key = { apiKey: "sk-client" };
const vercel = (name, make) => (base, model) => new Vercel(name, make, base, model);
const CLIENTS = [
  vercel("`@ai-sdk/openai` chat", (base, model) => createOpenAI({ ...key, baseURL: `${base}/v1` }).chat(model)),
  vercel("`@ai-sdk/openai` responses", (base, model) => createOpenAI({ ...key, baseURL: `${base}/v1` }).responses(model)),
  vercel("`@ai-sdk/anthropic`", (base, model) => createAnthropic({ ...key, baseURL: `${base}/v1` })(model)),
  vercel("`@ai-sdk/google`", (base, model) => createGoogleGenerativeAI({ ...key, baseURL: `${base}/v1beta` })(model)),
  (base, model) => new Genai(base, model),
];

const COLUMNS = {
  async plain(client, said) {
    const text = (await client.plain()).replace(client.model, MODEL);
    said.add(text);
    expect(said.size === 1, `says ${text}; others said ${[...said]}`);
  },
  async stream(client, said) {
    const text = (await client.stream()).replace(client.model, MODEL);
    expect(said.has(text), `streams ${text}; not streamed it is ${[...said]}`);
  },
  async tools(client) {
    await client.call();
    await client.callStreamed();
  },
  async errors(client) {
    for (const status of [400, 404, 503]) {
      const refused = await client.refused(`status=${status}`);
      expect(refused === status, `${status} becomes ${refused}`);
    }
    await client.cut();
  },
};

async function main(gateway, page) {
  const said = new Set();
  const faults = [];
  const names = Object.keys(COLUMNS);
  const rows = [`| Client | Provider | ${names.join(" | ")} |\n`, `|---|---${"|---".repeat(names.length)}|\n`];
  for (const make of CLIENTS) {
    for (const [provider, path, model] of PROVIDERS) {
      const client = make(`${gateway}/${path}`, model);
      const held = [];
      for (const [name, check] of Object.entries(COLUMNS)) {
        try {
          await check(client, said);
          held.push("yes");
        } catch (error) {
          held.push("**no**");
          faults.push(`${client.name} from ${provider}, ${name}: ${error.name}: ${error.message}`);
        }
      }
      rows.push(`| ${client.name} | ${provider} | ${held.join(" | ")} |\n`);
    }
  }
  const table = rows.join("");
  console.log(table);
  const text = readFileSync(page, "utf8");
  const [before, rest] = text.split(BEGIN);
  const [known, after] = rest.split(END);
  if (process.env.UPDATE) {
    writeFileSync(page, before + BEGIN + table + END + after);
  } else if (known !== table) {
    faults.push(`${page} says something else: UPDATE=1 tests/clients/run.sh`);
  }
  for (const fault of faults) console.log(`  FAIL  ${fault}`);
  process.exitCode = faults.length ? 1 : 0;
}

await main(...process.argv.slice(2));
