package me.secondme.avatar.sample

import android.os.Bundle
import androidx.activity.ComponentActivity
import androidx.activity.compose.setContent
import androidx.activity.viewModels
import androidx.compose.material3.MaterialTheme
import androidx.compose.runtime.getValue
import androidx.lifecycle.compose.collectAsStateWithLifecycle

class MainActivity : ComponentActivity() {
    private val model: ChatViewModel by viewModels()

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContent {
            val state by model.chat.screen.collectAsStateWithLifecycle()
            MaterialTheme { ChatScreen(state, model.chat::say) }
        }
    }

    override fun onStart() {
        super.onStart()
        model.chat.onForeground()
    }

    override fun onStop() {
        // A rotation is no going to the background.
        if (!isChangingConfigurations) model.chat.onBackground()
        super.onStop()
    }
}
