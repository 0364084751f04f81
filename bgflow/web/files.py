"""The files of a page: style sheets, modules and icons, as they lie in its folder."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web as http


def page_folder() -> Path:
    """Where the files of a run's page are; its theme is that of every page."""
    from bgflow import stages

    return Path(stages.__path__[0]) / "page"


def files(*folders: Path) -> http.RouteDef:
    """Serve each from the first of the folders that has it."""

    async def file(request: http.Request) -> http.StreamResponse:
        name = request.match_info["name"]
        for folder in folders:
            if (folder / name).is_file():
                return http.FileResponse(folder / name)
        raise http.HTTPNotFound(text=f"there is no {name} here")

    return http.get("/{name:[a-z]+\\.(?:css|js|svg)}", file)
