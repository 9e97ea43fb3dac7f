"""What many shops would write in a day: FastAPI in front of Redis, reserving by a Lua script."""
