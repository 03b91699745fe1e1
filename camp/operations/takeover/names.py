"""Other names that the same table or column goes by, the likeliest first."""

from camp.db.old_metadata import squeezed

# What else Camp's tables were called.
TABLES = {
    "sample_users": ["sample_user"],
    "sample_sessions": ["sample_session"],
    "sample_messages": ["sample_message"],
    "sample_files": ["sample_file"],
}

MOMENT_MADE = ["created", "create_time", "created_on", "creation_date", "inserted_at"]
MOMENT_CHANGED = ["updated", "update_time", "updated_on", "modified_at", "modified", "last_updated"]
OWNER = ["owner_id", "uploader_id", "uploaded_by", "author_id", "created_by", "account_id", "user"]

NAMES = {
    "sample_users": {
        "email": ["email_address", "mail", "e_mail", "mail_address"],
        "username": ["user_name", "login", "login_name", "account_name", "handle", "name"],
        "hashed_password": [
            "password_hash", "password_hashed", "hashed_pw", "hash_password", "encrypted_password",
            "passwd", "pwd_hash", "password",
        ],
        "is_active": ["active", "enabled", "is_enabled"],
        "created_at": [*MOMENT_MADE, "registered_at", "signed_up_at", "date_joined"],
        "updated_at": MOMENT_CHANGED,
    },
    "sample_sessions": {
        "user_id": OWNER,
        "session_id": ["public_id", "session_uuid", "uuid", "session_key", "external_id", "token"],
        "title": ["name", "session_name", "session_title", "subject", "topic"],
        "created_at": [*MOMENT_MADE, "started_at"],
        "updated_at": [*MOMENT_CHANGED, "last_message_at", "last_activity"],
    },
    "sample_messages": {
        "session_id": ["session", "chat_session_id", "conversation_id"],
        "role": ["sender", "sender_type", "author_role", "type"],
        "content": ["message", "text", "body"],
        "created_at": [*MOMENT_MADE, "sent_at", "timestamp"],
    },
    "sample_files": {
        "user_id": OWNER,
        "filename": [
            "original_filename", "original_name", "original_file_name", "file_name",
            "display_name", "name", "title",
        ],
        "content_type": ["mime_type", "mimetype", "media_type", "file_type", "type"],
        "size": ["file_size", "size_bytes", "filesize", "bytes", "byte_size", "content_length"],
        "storage_path": [
            "file_path", "path", "stored_path", "storage_key", "object_key", "s3_key", "key",
            "location", "file_location", "stored_filename", "stored_name", "file_url",
            "storage_url", "url",
        ],
        "created_at": [*MOMENT_MADE, "uploaded_at", "upload_date", "uploaded", "upload_time"],
    },
}  # fmt: skip


def other_name(table, column, free):
    """Return which of the columns `free` is what Camp calls `column`, or None.

    Differences of case and of underscores do not count: `filePath` is `file_path`.
    """
    plain = {squeezed(name): name for name in free}
    wanted = [column, *NAMES.get(table, {}).get(column, [])]
    return next((plain[squeezed(name)] for name in wanted if squeezed(name) in plain), None)
