#!/usr/bin/env bash
# AI SDK 6 takes model objects of specification v3, refuses v4, and says that it is version 5 and takes v2 alone.
set -euo pipefail
PACKAGES='ai@6.0.326'
EXPECTED='v3: Hello; v4: refused, with the versions that AI SDK 6 supports'
SEEN='v3: Hello; v4: AI_UnsupportedModelVersionError: Unsupported model version v4 for provider "mine" and model "m". AI SDK 5 only supports models that implement specification version "v2".'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-save --no-audit --no-fund --ignore-scripts $PACKAGES
cat >try.mjs <<'END'
import { generateText } from 'ai'

const model = (specificationVersion) => ({
  specificationVersion, provider: 'mine', modelId: 'm', supportedUrls: {},
  async doGenerate() {
    return {
      content: [{ type: 'text', text: 'Hello' }], warnings: [],
      finishReason: { unified: 'stop', raw: 'stop' },
      usage: { inputTokens: { total: 1 }, outputTokens: { total: 1 } },
    }
  },
  async doStream() { throw new Error('not asked for') },
})
const said = []
for (const version of ['v3', 'v4']) {
  try { said.push(`${version}: ${(await generateText({ model: model(version), prompt: 'Hi' })).text}`) }
  catch (error) { said.push(`${version}: ${error.name}: ${error.message}`) }
}
console.log(said.join('; '))
END
said=$(AI_SDK_LOG_WARNINGS=false node try.mjs)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
