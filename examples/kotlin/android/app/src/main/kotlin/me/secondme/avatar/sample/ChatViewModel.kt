package me.secondme.avatar.sample

import android.app.Application
import androidx.lifecycle.AndroidViewModel
import androidx.lifecycle.viewModelScope
import kotlinx.coroutines.launch
import me.secondme.avatar.android.AvatarAndroid

/** The view model that Android keeps over rotations; what it does is in [ChatModel]. */
class ChatViewModel(application: Application) : AndroidViewModel(application) {
    private val app = application as SampleApp
    val chat = ChatModel(app.client, viewModelScope) { app.backend.credentials().visitor() }

    init {
        viewModelScope.launch { AvatarAndroid.networkChanges(app).collect { chat.onNetworkChanged() } }
    }
}
