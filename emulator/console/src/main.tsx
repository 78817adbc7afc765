import { render } from 'preact'
import { takeTokenFromAddress } from './api/token'
import { App } from './app'
import { start } from './store/live'
import { followAddress } from './store/view'
import './styles/index.css'

takeTokenFromAddress()
addEventListener('hashchange', takeTokenFromAddress)
followAddress()
start()
const place = document.getElementById('console')
if (place) render(<App />, place)
