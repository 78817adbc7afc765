package me.secondme.avatar.sample

import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxSize
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.imePadding
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.layout.safeDrawingPadding
import androidx.compose.foundation.lazy.LazyColumn
import androidx.compose.foundation.lazy.items
import androidx.compose.foundation.lazy.rememberLazyListState
import androidx.compose.material3.Button
import androidx.compose.material3.Card
import androidx.compose.material3.CardDefaults
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.OutlinedTextField
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.runtime.LaunchedEffect
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.saveable.rememberSaveable
import androidx.compose.runtime.setValue
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.unit.dp
import me.secondme.avatar.Author
import me.secondme.avatar.State

@Composable
fun ChatScreen(state: ChatState, say: (String) -> Unit) {
    var draft by rememberSaveable { mutableStateOf("") }
    // What could not be sent stands in the input field again.
    LaunchedEffect(state.draft) { if (state.draft.isNotEmpty()) draft = state.draft }

    Column(Modifier.fillMaxSize().safeDrawingPadding().imePadding().padding(12.dp)) {
        val connecting = state.connection == State.OPENING || state.connection == State.RECONNECTING
        Text(
            if (connecting) stringResource(R.string.connecting) else state.avatarName,
            style = MaterialTheme.typography.titleMedium,
        )
        Lines(state.lines, Modifier.weight(1f))
        state.problem?.let { Text(it, color = MaterialTheme.colorScheme.error) }
        Row(verticalAlignment = Alignment.CenterVertically, horizontalArrangement = Arrangement.spacedBy(8.dp)) {
            OutlinedTextField(
                value = draft,
                onValueChange = { draft = it },
                label = { Text(stringResource(R.string.message)) },
                modifier = Modifier.weight(1f),
            )
            Button(
                enabled = draft.isNotBlank(),
                onClick = {
                    say(draft)
                    draft = ""
                },
            ) { Text(stringResource(R.string.send)) }
        }
    }
}

@Composable
private fun Lines(lines: List<Line>, modifier: Modifier) {
    val position = rememberLazyListState()
    // The newest words are on the screen, also while a reply grows.
    LaunchedEffect(lines.size, lines.lastOrNull()?.text) {
        if (lines.isNotEmpty()) position.animateScrollToItem(lines.lastIndex)
    }
    LazyColumn(modifier.fillMaxWidth(), position, verticalArrangement = Arrangement.spacedBy(8.dp)) {
        items(lines) { line -> Bubble(line) }
    }
}

@Composable
private fun Bubble(line: Line) {
    val isMine = line.author == Author.VISITOR
    Row(Modifier.fillMaxWidth(), if (isMine) Arrangement.End else Arrangement.Start) {
        val color =
            when (line.author) {
                Author.VISITOR -> MaterialTheme.colorScheme.primaryContainer
                Author.AVATAR -> MaterialTheme.colorScheme.surfaceVariant
                Author.OWNER -> MaterialTheme.colorScheme.tertiaryContainer
            }
        Card(colors = CardDefaults.cardColors(containerColor = color)) {
            Column(Modifier.padding(12.dp)) {
                if (line.author == Author.OWNER) {
                    Text(stringResource(R.string.owner), style = MaterialTheme.typography.labelSmall)
                }
                Text(if (line.isUnfinished) line.text + " …" else line.text)
            }
        }
    }
}
