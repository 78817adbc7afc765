// Says where the key and the base URL come from.

import { AvatarClient } from 'secondme-avatar'

const [how, baseUrl] = process.argv.slice(2)
const apiKey = 'sk-horse'
process.env.SECONDME_LOG = 'warn'
process.env.SECONDME_BASE_URL = baseUrl
if (how === 'both of the environment') process.env.SECONDME_API_KEY = apiKey
const options = { 'a key in code': { apiKey }, 'both in code': { apiKey, baseUrl }, 'both of the environment': {} }
await new AvatarClient(options[how]).close()
