"""All that one application holds while it runs: database, stores, grader, threads. Made and closed by the app."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import ParamSpec, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from regrade.models.adaptation.feature_cache import FOLDER as FEATURES
from regrade.models.adaptation.feature_cache import FeatureCache
from regrade.models.grader import Grader
from regrade.models.photos.intake import IntakeLimits
from regrade.models.registry.site_folder import prepare
from regrade.serving.access.credentials import Lookups
from regrade.serving.access.entrance import Entrance
from regrade.serving.access.keys import ApiKey, KeyStore
from regrade.serving.access.photo_links import PhotoLinks
from regrade.serving.access.photo_views import PhotoViews
from regrade.serving.access.sessions import LoginBrake, Session, SessionStore
from regrade.serving.adaptation.nightly import Nightly
from regrade.serving.base.database_url import is_shared
from regrade.serving.base.errors import BusyError, DatabaseAwayError, PhotosAwayError, StorageError
from regrade.serving.base.health import WATCH_SECONDS, Finding, Health
from regrade.serving.base.i18n import LANGUAGES, Message, catalogue
from regrade.serving.base.settings import Settings
from regrade.serving.candidates.following import FOLLOW_SECONDS, Following
from regrade.serving.candidates.rules import Rules
from regrade.serving.candidates.steps import stop_trial
from regrade.serving.catalogue.store import Catalogue
from regrade.serving.connections import descriptors
from regrade.serving.connections.table import Connections
from regrade.serving.erasure.eraser import Eraser
from regrade.serving.erasure.keeper import Keeper
from regrade.serving.erasure.pseudonyms import Pseudonyms
from regrade.serving.erasure.records import Actor
from regrade.serving.events.adapters.shelf import Shelf
from regrade.serving.events.attempts import Reach
from regrade.serving.events.deliveries import Deliveries
from regrade.serving.events.dispatcher import Dispatcher
from regrade.serving.events.endpoints import Endpoints
from regrade.serving.events.log import EventLog
from regrade.serving.events.signing import Secrets
from regrade.serving.evidence import Signer
from regrade.serving.evidence.backfill import Backfill
from regrade.serving.evidence.log import notice_loss, refuse_other_site
from regrade.serving.grading.admission import Admission
from regrade.serving.grading.graders import Graders
from regrade.serving.grading.pipeline import Pipeline
from regrade.serving.grading.sent_ahead import SentAhead
from regrade.serving.grading.shadow import Shadowing
from regrade.serving.grading.trying import station_in_canary
from regrade.serving.grading.workload import CostModel, measure
from regrade.serving.inspections.regrade import RevisionStore
from regrade.serving.inspections.store import InspectionStore
from regrade.serving.installation.data_dir import DataDirLock, open_database
from regrade.serving.installation.photos import open_photos
from regrade.serving.installation.simulated import is_simulated
from regrade.serving.pieces.counting import Counting
from regrade.serving.policy.load import Policy
from regrade.serving.review import Desk, FirstLooks, Lottery
from regrade.serving.rubric.in_force import InForce, SiteRules
from regrade.serving.rubric.types import Rubrics
from regrade.serving.storage import private
from regrade.serving.storage.ahead import FOLDER as UPLOADS
from regrade.serving.storage.ahead import StagedPhotos
from regrade.serving.storage.database import Database
from regrade.serving.storage.disk import Disk
from regrade.serving.storage.photostore import PhotoStore
from regrade.serving.storage.picture_cache import PictureCache
from regrade.serving.storage.scope import carry
from regrade.serving.storage.thumbnails import Thumbnails
from regrade.serving.telemetry.metrics import Metrics

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger("regrade")

CANDIDATES_SECONDS = 300.0
"""From one look at what people decided about candidates to the next."""
LEFT_SECONDS = 6 * 3600.0
"""What lies unfinished for so long is no request's any more, in whichever process that was."""


class Runtime:
    """The parts of a running service.

    Raises on construction where the data directory, the policy or a rubric is unusable.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        for lang in LANGUAGES:
            catalogue(lang)  # not when it is first needed: it may be needed to say that no file can be opened
        self.metrics = Metrics()
        rules = SiteRules.read(settings.policy_file, settings.rubric_dir)
        # Where the database is one for many, so is the directory with photos, keys and bundles.
        self.lock = DataDirLock(settings.data_dir, shared=is_shared(settings.url))
        try:
            self.database = open_database(settings)
            database_dir = self.database.file.parent if self.database.file else settings.data_dir
            self.keys = KeyStore(self.database)
            self.simulated = is_simulated(self.database)
            self.sessions = SessionStore(self.database)
            self.entrance = Entrance.open(self.database, settings.data_dir)
            lottery = Lottery.load(settings.data_dir / "keys")
            pseudonyms = Pseudonyms.load(settings.data_dir / "keys")
            pseudonym, self.seller_alias = pseudonyms.of_request, pseudonyms.of_seller
            secrets = Secrets.load(settings.data_dir / "keys")
            self.photo_links = PhotoLinks.load(settings.data_dir / "keys")
            private.mend(settings.data_dir)
            self.signer = Signer.load(settings.data_dir / "keys")
            self.photos = open_photos(settings)
            folders = {"data": settings.data_dir, "photos": self.photos.folder, "database": database_dir}
            self.disk = Disk(folders, settings.disk_reserve, lambda: self.admission.unwritten)
            # Before anything reads what is active: an older release kept that in the folder of the package.
            prepare(settings.bundle_store)
            named, share = settings.canary_names, settings.canary_share
            self.graders = Graders(
                settings.bundle_store,
                settings.precision,
                rules,
                lambda at: station_in_canary(at, named, share, lambda who, some: lottery.drawn(who, "canary", some)),
            )
            first_looks = FirstLooks(lambda: self.policy, lottery)
            self.inspections = InspectionStore(self.database, first_looks, self.signer, pseudonym)
            self.catalogue = Catalogue(self.database)
            self.revisions = RevisionStore(self.database, first_looks, self.signer, pseudonym)
            notice_loss(self.database, self.signer)
            refuse_other_site(self.database, self.signer)
            self.backfill = Backfill(self.database, self.signer)
            self.backfill.start()
            older = 0.0 if self.lock.alone else LEFT_SECONDS
            if cleared := self.photos.clear_leftovers(self.inspections.using, older=older):
                log.info("removed %d unfinished uploads of an earlier run", cleared)
            self.limits = IntakeLimits(max_bytes=settings.max_photo_bytes, seconds=settings.photo_seconds)
            self.staged = staged_photos_of(settings, self.limits)
            if cleared := self.staged.clear_leftovers(older=older):
                log.info("removed %d photos whose items never came", cleared)
            self.sent_ahead = SentAhead(self.staged, self.photos, self.inspections)
            self.eraser = open_eraser(settings, self.database, self.photos, self.signer)
            self.eraser.try_to_finish()
            if self.database.shared:
                self.lock.share()
        except BaseException:
            self.lock.release()
            raise
        self.thumbnails = Thumbnails(self.photos, picture_cache_of(settings), self.limits)
        self.photo_views = PhotoViews(self.database)
        self.keeper = Keeper(
            self.eraser,
            settings.retention_rules,
            self.metrics.erased.labels("retention").inc,
            lambda: self.database.alone_in("retention"),
        )
        self.nightly = Nightly(
            settings,
            lambda outcome: self.metrics.adapted.labels(outcome).inc(),
            alone=lambda: self.database.alone_in("adapting heads"),
        )
        self.events, self.webhooks = EventLog(self.database), Endpoints(self.database, secrets)
        self.deliveries = Deliveries(self.database)
        self.adapters = Shelf(settings.data_dir, self.photo_links, settings.outside_url, self._defect_types)
        self.dispatcher = Dispatcher(
            self.database,
            secrets,
            Reach(settings.own_networks, settings.seller_networks),
            # What another service may be using is no file of this machine's.
            alone=self.database.file is not None,
            days=settings.event_days,
            shelf=self.adapters,
            alias=self.seller_alias,
            count=lambda outcome: self.metrics.webhooks.labels(outcome).inc(),
        )
        self.desk = Desk(
            self.database,
            lambda: self.in_force,
            lottery,
            lease=timedelta(minutes=settings.lease_minutes),
            undo=timedelta(seconds=settings.undo_seconds),
            signer=self.signer,
            bundles=settings.bundle_store,
            refuse_if_full=self.disk.refuse,
        )
        self.counting = Counting(
            self.database,
            lambda: self.policy,
            lambda: self.grader,
            first_looks,
            self.signer,
            self.disk.refuse,
        )
        self.shadow = Shadowing(
            self.database,
            self.graders.other,
            self.metrics,
            lambda inspection_id: lottery.drawn(inspection_id, "shadow", settings.shadow_share),
            self._stop_trial,
        )
        self.candidates = Rules(
            self.database,
            self.graders,
            self.desk,
            self.metrics,
            promotion=settings.promotion,
            auto_return=settings.auto_return,
            undo=timedelta(seconds=settings.undo_seconds),
        )
        self.following = Following(self.graders, self.call)
        self.login_brake = LoginBrake()
        self._keys_found = Lookups(lambda token: self.call(self.keys.authenticate, token))
        self._sessions_found = Lookups(lambda token: self.call(self.sessions.find, token))
        self.admission = Admission(settings, self._refuse_if_full)
        self.failure: Exception | None = None
        self.health = Health()
        self._looking: asyncio.Future[tuple[Finding, ...]] | None = None
        own = (self._look_at_models, self._look_at_database, self._look_at_photos)
        for look in (*own, self.disk.look, descriptors.look):
            self.health.add(look)
        self.draining = False
        """Whether the service is about to end."""
        self.connections: Connections | None = None
        """Those of the server that this runs in, where it counts them."""
        self.reading_json = asyncio.Lock()
        """Held by who reads much JSON: the values of one body at a time are in memory."""
        self._pipeline: Pipeline | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        # Reads and small writes; apart from the pipeline's threads, so that a full queue starves no reader.
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="serve")
        # Few and apart: decoding 50 megapixels can take 200 MB, and must hold up neither readers nor admission.
        self._drawers = ThreadPoolExecutor(2, thread_name_prefix="draw")
        # One, for they would wait for each other anyway, and apart, lest readers wait for them.
        self._erasing = ThreadPoolExecutor(1, thread_name_prefix="erase")
        self._threads.submit(self._close_to_others)

    @property
    def warm(self) -> bool:
        """Whether items can be graded."""
        return self._pipeline is not None

    @property
    def ready(self) -> bool:
        """Whether new items should be sent here, as far as was seen when the service last looked after itself."""
        return self.warm and not self.draining and not self.health.failing

    @property
    def in_force(self) -> InForce:
        """What items are judged and decided by now. Whoever needs more than one part of it takes it once."""
        return self.graders.in_force

    @property
    def policy(self) -> Policy:
        return self.in_force.policy

    @property
    def rubrics(self) -> Rubrics:
        return self.in_force.rubrics

    @property
    def grader(self) -> Grader:
        """The grader for an item that begins now. Raises `BusyError` while there is none yet."""
        return self.graders.current

    @property
    def pipeline(self) -> Pipeline:
        """The way to grade. Raises `BusyError` while the grader is not yet warm."""
        if self._pipeline is None:
            raise BusyError("starting", Message("problem.starting"), 2)
        return self._pipeline

    async def load_grader(self, given: Grader | None) -> None:
        """Load the models and run them once, so that the first item is as fast as the next."""
        self._loop = asyncio.get_running_loop()
        grader = await self.graders.start(given)
        if given is None:
            self.admission.costs = CostModel(await self.call(measure, grader))
        # Before anything is graded, so that whoever is told that it can be finds by what.
        log.log(logging.WARNING if grader.arithmetic.fallen_back else logging.INFO, "networks: %s", grader.arithmetic)
        self._pipeline = Pipeline(
            self.graders.judges_at,
            self.inspections,
            self.photos,
            self.admission,
            self.metrics,
            workers=self.settings.worker_count,
            limits=self.limits,
            graded=self.shadow.note,
            revisions=self.revisions,
            completed=self.catalogue.completed,
            papers=self.catalogue,
            max_photos=self.settings.max_photos,
        )
        log.info("ready: %s", ", ".join(grader.categories))

    async def find_key(self, token: str) -> ApiKey | None:
        """The key that `token` stands for, None where it is wrong; see `Lookups`."""
        if (key := await self._keys_found(token)) is not None:
            self.entrance.last_used.note(key.id)
        return key

    async def find_session(self, token: str) -> Session | None:
        """The session of a cookie, None where it is not valid."""
        if (session := await self._sessions_found(token)) is not None:
            self.entrance.last_used.note(session.key.id)
        return session

    async def look(self) -> tuple[Finding, ...]:
        """What all checks find now. Those who ask while somebody looks are told the same: it costs a thread's time."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.ensure_future(self.call(self.health.look))
        return await asyncio.shield(self._looking)

    async def failed(self, fault: StorageError) -> None:
        """Note that a write has failed, and see whether it was more than a moment's fault."""
        if not isinstance(fault, DatabaseAwayError | PhotosAwayError):
            self.disk.failed(fault)
        await self.call(self.health.look)

    async def watch(self) -> None:
        """Look after oneself from time to time, for ever."""
        while True:
            await self.call(self.health.look)
            try:
                await self.call(self.staged.sweep)
                await self.call(self.photos.clear_leftovers, self.inspections.using, older=LEFT_SECONDS)
            except OSError as error:
                log.warning("what has expired of photos without items is removed later: %s", error)
            with suppress(SQLAlchemyError):
                await self.call(self.entrance.last_used.flush)
            await asyncio.sleep(WATCH_SECONDS)

    async def weigh_candidates(self) -> None:
        """Look from time to time at what people decided, and do with bundles what rules say, for ever."""
        while True:
            await asyncio.sleep(CANDIDATES_SECONDS)
            if not self.warm or self.draining:
                continue
            try:
                await self._weigh_alone()
            except Exception:
                # The next time may do better, and nobody waits for it.
                log.exception("candidates were not weighed")

    async def _weigh_alone(self) -> None:
        """Of processes that share a database one does it; the others follow."""
        held = self.database.alone_in("candidates")
        if not await self.call(held.__enter__):
            return
        try:
            await self.candidates.step(self.call)
        finally:
            await self.call(held.__exit__, None, None, None)

    async def follow_others(self) -> None:
        """Take over what other processes on the same database have activated or put on trial, for ever."""
        while self.database.shared:
            await asyncio.sleep(FOLLOW_SECONDS)
            if self.warm and not self.draining:
                await self.following.step()

    def _defect_types(self) -> set[str]:
        """All that the categories in force know."""
        return {name for one in self.in_force.categories.values() for name in one.defect_names}

    def _look_at_models(self) -> Finding:
        if self.failure is not None:
            return Finding("models", "failing", Message("problem.models_failed"), str(self.failure))
        return Finding("models") if self.warm else Finding("models", "starting", Message("problem.starting"))

    def _look_at_database(self) -> Finding:
        try:
            self.database.ping()
        except (SQLAlchemyError, StorageError) as error:
            return Finding("database", "failing", Message("problem.database_silent"), str(error).partition("\n")[0])
        return Finding("database")

    def _look_at_photos(self) -> Finding:
        lack = self.photos.look()
        return Finding("photos") if lack is None else Finding("photos", "failing", *lack)

    def _refuse_if_full(self, size: int) -> None:
        """Raise `StorageError` where a request of `size` bytes could not be stored, as far as is known."""
        self.disk.refuse(size)
        self.photos.refuse()

    def _close_to_others(self) -> None:
        if closed := private.mend_thoroughly(self.settings.data_dir):
            log.info("closed %d files of an earlier version to other users of this machine", closed)

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function that waits for the database or the disk on a thread, which sees what the caller may see."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, carry(function, *args, **kwargs))

    async def draw(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function that decodes a photo on a thread, likewise."""
        return await asyncio.get_running_loop().run_in_executor(self._drawers, carry(function, *args, **kwargs))

    async def erase(self, inspection_id: str, by: Actor, reason: str | None) -> bool:
        """Erase an inspection; see `Eraser.erase`."""
        loop = asyncio.get_running_loop()
        erased = await loop.run_in_executor(self._erasing, self.eraser.erase, inspection_id, by, reason)
        if erased:
            self.metrics.erased.labels("request").inc()
        return erased

    def _stop_trial(self, category: str, reason: str) -> None:
        """Stop a candidate that fails. Called on the shadow's thread."""
        if stop_trial(self.graders.store, self.database, category, reason) is not None:
            self.metrics.trials.labels(category, "stopped").inc()
        if self._loop is not None and not self._loop.is_closed():
            asyncio.run_coroutine_threadsafe(self.graders.reload_trials(), self._loop)

    def close(self) -> None:
        """End the threads after what they are doing, and give the data directory free."""
        if self._pipeline is not None:
            self._pipeline.close()
        self.shadow.close()
        self.graders.close()
        self.nightly.stop()
        self.dispatcher.stop()
        self.keeper.stop()
        self._erasing.shutdown()
        self.backfill.stop()
        self._threads.shutdown()
        self._drawers.shutdown()
        self.photo_views.close()
        self.photos.close()
        with suppress(SQLAlchemyError):
            self.entrance.last_used.flush()
        self.database.close()
        self.lock.release()


def staged_photos_of(settings: Settings, limits: IntakeLimits | None = None) -> StagedPhotos:
    """The photos of an installation that were sent ahead of their items."""
    return StagedPhotos(
        settings.data_dir / UPLOADS,
        limits or IntakeLimits(max_bytes=settings.max_photo_bytes),
        lifetime=settings.upload_hours * 3600,
        budget=settings.upload_budget,
        shared=is_shared(settings.url),
    )


def picture_cache_of(settings: Settings) -> PictureCache:
    """Where pictures that were made of photos are kept."""
    return PictureCache(settings.data_dir / "cache" / "thumbnails", settings.picture_cache_bytes)


def open_eraser(settings: Settings, database: Database, photos: PhotoStore, signer: Signer) -> Eraser:
    """What erases inspections of an installation, whether a service runs on it or not."""
    pseudonyms = Pseudonyms.load(settings.data_dir / "keys")
    pictures, features = picture_cache_of(settings), FeatureCache(settings.data_dir / FEATURES)
    staged = staged_photos_of(settings)

    def forget(sha256: str) -> None:
        pictures.forget(sha256)
        features.forget([sha256])
        staged.forget(sha256)

    return Eraser(database, photos, forget, signer, pseudonyms)
