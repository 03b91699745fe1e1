"""The lists of Camp as JSON, written as the old backend was.

FastAPI, SQLAlchemy 2 async, asyncpg, a JWT in each request whose user is loaded from the
database, and one log line per request. A list gives what Camp's page shows: files with their
session, sessions with the number of their messages and files, home with the bytes in use, and
whether there is a next page. Reads DATABASE_URL (`postgresql+asyncpg://…`).
"""

import logging
import os
import time
from datetime import datetime
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict
from sqlalchemy import BigInteger, DateTime, ForeignKey, String, Text, func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column, relationship

SECRET = "peer-guards-nothing-Zq7vR2mXw9Lb4Ty8Kd3Hn6Pf1Sg5Jc0"
FILES, SESSIONS, MESSAGES = 50, 30, 50

logger = logging.getLogger("peer")
engine = create_async_engine(os.environ["DATABASE_URL"], pool_size=10, max_overflow=10)
sessions = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()
bearer = HTTPBearer()


class Base(DeclarativeBase):
    """Tables that Camp has created."""


class User(Base):
    __tablename__ = "sample_users"
    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(50))
    is_active: Mapped[bool]


class Session(Base):
    __tablename__ = "sample_sessions"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("sample_users.id"))
    session_id: Mapped[str] = mapped_column(String(255))
    title: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[object] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[object] = mapped_column(DateTime(timezone=True))
    deleted_at: Mapped[object] = mapped_column(DateTime(timezone=True))


class Message(Base):
    __tablename__ = "sample_messages"
    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("sample_sessions.id"))
    role: Mapped[str] = mapped_column(String(20))
    content: Mapped[str] = mapped_column(Text)
    created_at: Mapped[object] = mapped_column(DateTime(timezone=True))


class File(Base):
    __tablename__ = "sample_files"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("sample_users.id"))
    filename: Mapped[str] = mapped_column(String(255))
    search_text: Mapped[str] = mapped_column(String(255))
    content_type: Mapped[str | None] = mapped_column(String(100))
    size: Mapped[int] = mapped_column(BigInteger)
    storage_path: Mapped[str] = mapped_column(String(500))
    created_at: Mapped[object] = mapped_column(DateTime(timezone=True))
    deleted_at: Mapped[object] = mapped_column(DateTime(timezone=True))
    session_id: Mapped[int | None] = mapped_column(ForeignKey("sample_sessions.id"))
    session: Mapped[Session | None] = relationship()


class Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class SessionOut(Out):
    id: int
    user_id: int
    session_id: str
    title: str | None
    created_at: datetime
    updated_at: datetime


class SessionRow(SessionOut):
    messages: int
    files: int


class SessionPage(BaseModel):
    items: list[SessionRow]
    has_next: bool


class MessageOut(Out):
    id: int
    role: str
    content: str
    created_at: datetime


class FileOut(Out):
    id: int
    user_id: int
    filename: str
    content_type: str | None
    size: int
    storage_path: str
    created_at: datetime


class FileRow(FileOut):
    session: SessionOut | None


class FilePage(BaseModel):
    items: list[FileRow]
    has_next: bool


class HomeOut(BaseModel):
    sessions: list[SessionOut]
    files: list[FileOut]
    bytes_used: int


class DetailOut(SessionOut):
    messages: list[MessageOut]
    files: list[FileOut]


async def database():
    """Yield a database session per request."""
    async with sessions() as session:
        yield session


Database = Annotated[AsyncSession, Depends(database)]


async def current_user(
    credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)], db: Database
):
    """Return the active user of the token; raises 401."""
    try:
        claims = jwt.decode(credentials.credentials, SECRET, algorithms=["HS256"])
    except jwt.PyJWTError:
        raise HTTPException(401) from None
    user = await db.get(User, int(claims["sub"]))
    if user is None or not user.is_active:
        raise HTTPException(401)
    return user


Me = Annotated[User, Depends(current_user)]


@app.middleware("http")
async def log_request(request: Request, call_next):
    """Log each request in one line."""
    started = time.perf_counter()
    response = await call_next(request)
    seconds = time.perf_counter() - started
    logger.warning("%s %s %s %.1fms", request.method, request.url.path, response.status_code,
                   seconds * 1000)  # fmt: skip
    return response


@app.get("/live")
async def live():
    """Answer without the database."""
    return {"status": "ok"}


def own_files(user):
    """Return the query for a user's files, newest first."""
    mine = select(File).where(File.user_id == user.id, File.deleted_at.is_(None))
    return mine.order_by(File.created_at.desc(), File.id.desc())


def own_sessions(user):
    """Return the query for a user's sessions, last changed first."""
    mine = select(Session).where(Session.user_id == user.id, Session.deleted_at.is_(None))
    return mine.order_by(Session.updated_at.desc(), Session.id.desc())


@app.get("/home")
async def home(user: Me, db: Database) -> HomeOut:
    """Return the five newest sessions and files, and the bytes in use."""
    newest = (await db.scalars(own_sessions(user).limit(5))).all()
    files = (await db.scalars(own_files(user).limit(5))).all()
    used = await db.scalar(select(func.sum(File.size)).where(File.user_id == user.id))
    return HomeOut.model_validate(
        {"sessions": newest, "files": files, "bytes_used": used or 0}, from_attributes=True
    )


@app.get("/files")
async def list_files(user: Me, db: Database, q: str = "", limit: int = FILES) -> FilePage:
    """Return a user's files, each with its session."""
    query = own_files(user).options(joinedload(File.session)).limit(limit + 1)
    if q:
        query = query.where(File.search_text.contains(q))
    rows = (await db.scalars(query)).all()
    page = {"items": rows[:limit], "has_next": len(rows) > limit}
    return FilePage.model_validate(page, from_attributes=True)


def count(model):
    """Return the subquery for the number of a session's rows of `model`."""
    rows = select(func.count()).where(model.session_id == Session.id).correlate(Session)
    if model is File:
        rows = rows.where(File.deleted_at.is_(None))
    return rows.scalar_subquery()


@app.get("/sessions")
async def list_sessions(user: Me, db: Database, limit: int = SESSIONS) -> SessionPage:
    """Return a user's sessions, each with the number of its messages and files."""
    query = own_sessions(user).limit(limit + 1).add_columns(count(Message), count(File))
    rows = (await db.execute(query)).all()
    items = [
        SessionOut.model_validate(session).model_dump() | {"messages": messages, "files": files}
        for session, messages, files in rows[:limit]
    ]
    return SessionPage(items=items, has_next=len(rows) > limit)


@app.get("/sessions/{session_id}")
async def get_session(session_id: str, user: Me, db: Database) -> DetailOut:
    """Return a session with its latest messages and its files."""
    session = await db.scalar(own_sessions(user).where(Session.session_id == session_id))
    if session is None:
        raise HTTPException(404)
    latest = select(Message).where(Message.session_id == session.id)
    rows = (await db.scalars(latest.order_by(Message.id.desc()).limit(MESSAGES))).all()
    files = (await db.scalars(own_files(user).where(File.session_id == session.id))).all()
    fields = {name: getattr(session, name) for name in SessionOut.model_fields}
    page = fields | {"messages": rows[::-1], "files": files}
    return DetailOut.model_validate(page, from_attributes=True)
